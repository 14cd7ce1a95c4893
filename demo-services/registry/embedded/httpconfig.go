package embedded

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// configAPI serves the configuration part of Nacos' open API.
type configAPI struct {
	catalog *catalog // its lock guards configs, too
	configs *configs
}

func (a *configAPI) addRoutes(handle addRoute, m *http.ServeMux) {
	for path, write := range map[string]writeResult{"/nacos/v1/cs/configs": writePlain, "/nacos/v2/cs/config": writeWrapped} {
		handle("GET "+path, write, a.getConfig)
		handle("POST "+path, write, a.publishConfig)
		handle("DELETE "+path, write, a.removeConfig)
	}
	m.HandleFunc("POST /nacos/v1/cs/configs/listener", a.listenConfigs)
}

func formConfigKey(q form) (configKey, error) {
	return newConfigKey(q.Get("tenant")+q.Get("namespaceId"), q.Get("group"), q.Get("dataId")) // version 1, version 2
}

// getConfig returns a configuration's content, all of it with show=all, or a
// page of configurations with search.
func (a *configAPI) getConfig(q form) (any, error) {
	if q.Get("search") != "" {
		return a.searchConfigs(q)
	}
	k, err := formConfigKey(q)
	if err != nil {
		return nil, err
	}
	c, exists := a.configs.byKey[k]
	switch {
	case !exists:
		return nil, apiError{errNotFound, errNoConfig.Error()}
	case q.Get("show") == "all":
		item := configItem(k, c)
		item["createTime"], item["modifyTime"] = c.modified.UnixMilli(), c.modified.UnixMilli()
		return item, nil
	}
	return c.content, nil
}

func configItem(k configKey, c config) map[string]any {
	return map[string]any{
		"dataId": k.DataID, "group": k.Group, "tenant": k.Tenant, "content": c.content, "md5": c.md5, "type": c.kind, "appName": "",
	}
}

func (a *configAPI) searchConfigs(q form) (any, error) {
	no, size, err := formPage(q)
	if err != nil {
		return nil, err
	}
	tenant := strings.TrimPrefix(q.Get("tenant"), "public")
	found := a.configs.find(tenant, q.Get("group"), q.Get("dataId"), q.Get("search") == "accurate")
	items := []any{}
	for _, k := range page(found, no, size) {
		items = append(items, configItem(k, a.configs.byKey[k]))
	}
	return map[string]any{
		"totalCount": len(found), "pageNumber": no, "pagesAvailable": (len(found) + size - 1) / size, "pageItems": items,
	}, nil
}

func (a *configAPI) publishConfig(q form) (any, error) {
	k, err := formConfigKey(q)
	if err != nil {
		return nil, err
	}
	return true, a.configs.publish(k, q.Get("content"), q.Get("type"), "")
}

func (a *configAPI) removeConfig(q form) (any, error) {
	k, err := formConfigKey(q)
	if err != nil {
		return nil, err
	}
	a.configs.remove(k)
	return true, nil
}

// maxLongPoll is how long a listener waits at most. Clients ask for 30 s.
const maxLongPoll = 30 * time.Second

// listenConfigs is a long poll: it answers as soon as one of the configurations
// differs from what the client knows, or with nothing after its time.
func (a *configAPI) listenConfigs(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	q, err := parseForm(r)
	if err != nil {
		writeText(w, http.StatusBadRequest, err.Error())
		return
	}
	known, err := listened(q.Get("Listening-Configs"))
	if err != nil {
		writeText(w, http.StatusBadRequest, err.Error())
		return
	}
	// A real server answers half a second early, so that the client does not give up.
	ms, _ := strconv.Atoi(r.Header.Get("Long-Pulling-Timeout")) // absent: no waiting
	wait := min(time.Duration(ms)*time.Millisecond-500*time.Millisecond, maxLongPoll)
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		a.catalog.mu.Lock()
		changed, change := a.configs.outdated(known), a.configs.change
		a.catalog.mu.Unlock()
		if len(changed) > 0 || r.Header.Get("Long-Pulling-Timeout-No-Hangup") == "true" || wait <= 0 {
			writeText(w, http.StatusOK, changedText(changed))
			return
		}
		select {
		case <-change:
		case <-timeout.C:
			wait = 0
		case <-r.Context().Done():
			return
		}
	}
}

// Separators of the configurations in a long poll.
const (
	wordSeparator = "\x02"
	lineSeparator = "\x01"
)

// listened reads the configurations that a long poll names: lines of data ID,
// group, MD5 sum and, unless it is public, tenant.
func listened(text string) ([]configSum, error) {
	var out []configSum
	for line := range strings.SplitSeq(strings.TrimSuffix(text, lineSeparator), lineSeparator) {
		words := strings.Split(line, wordSeparator)
		if len(words) < 3 {
			return nil, fmt.Errorf("invalid probeModify: Listening-Configs=%q", text)
		}
		s := configSum{configKey{"", words[1], words[0]}, words[2]}
		if len(words) > 3 {
			s.Tenant = words[3]
		}
		out = append(out, s)
	}
	return out, nil
}

// changedText is the answer to a long poll: escaped lines, or nothing.
func changedText(changed []configKey) string {
	var b strings.Builder
	for _, k := range changed {
		words := []string{k.DataID, k.Group}
		if k.Tenant != "" {
			words = append(words, k.Tenant)
		}
		b.WriteString(url.QueryEscape(strings.Join(words, wordSeparator) + lineSeparator))
	}
	return b.String()
}
