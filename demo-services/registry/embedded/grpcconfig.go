package embedded

// codeNoConfig is the error code of a query of a configuration that does not
// exist.
const codeNoConfig = 300

type configRequest struct {
	RequestID string `json:"requestId"`
	configKey
	Content      string            `json:"content"`
	CasMD5       string            `json:"casMd5"`
	AdditionMap  map[string]string `json:"additionMap"`
	Listen       bool              `json:"listen"`
	ListenConfig []configSum       `json:"configListenContexts"`
}

type configResponse struct {
	baseResponse
	Content      string `json:"content"`
	DataKey      string `json:"encryptedDataKey"`
	ContentType  string `json:"contentType"`
	MD5          string `json:"md5"`
	LastModified int64  `json:"lastModified"` // in ms
	Beta         bool   `json:"beta"`
}

type configListenResponse struct {
	baseResponse
	Changed []configKey `json:"changedConfigs"`
}

type configNotify struct {
	RequestID string `json:"requestId"`
	Module    string `json:"module"`
	configKey
}

// decodeConfig decodes a request that names one configuration.
func decodeConfig(body []byte) (configRequest, configKey, error) {
	r, err := decode[configRequest](body)
	if err != nil {
		return r, configKey{}, err
	}
	k, err := newConfigKey(r.Tenant, r.Group, r.DataID)
	return r, k, err
}

func (g *grpcAPI) queryConfig(_ *conn, body []byte) (response, error) {
	r, k, err := decodeConfig(body)
	if err != nil {
		return response{}, err
	}
	c, exists := g.configs.byKey[k]
	if !exists {
		// Not an ErrorResponse: clients take this one for "there is none".
		return response{"ConfigQueryResponse", configResponse{baseResponse: baseResponse{
			ResultCode: codeFail, ErrorCode: codeNoConfig, Message: errNoConfig.Error(), RequestID: r.RequestID,
		}}}, nil
	}
	return response{"ConfigQueryResponse", configResponse{
		baseResponse: ok(r.RequestID), Content: c.content, ContentType: c.kind, MD5: c.md5, LastModified: c.modified.UnixMilli(),
	}}, nil
}

func (g *grpcAPI) publishConfig(_ *conn, body []byte) (response, error) {
	r, k, err := decodeConfig(body)
	if err != nil {
		return response{}, err
	}
	return response{"ConfigPublishResponse", ok(r.RequestID)}, g.configs.publish(k, r.Content, r.AdditionMap["type"], r.CasMD5)
}

func (g *grpcAPI) removeConfig(_ *conn, body []byte) (response, error) {
	r, k, err := decodeConfig(body)
	if err != nil {
		return response{}, err
	}
	g.configs.remove(k)
	return response{"ConfigRemoveResponse", ok(r.RequestID)}, nil
}

// listenConfigs makes a connection listen to configurations, or stops that. It
// answers with those that differ from what the client knows.
func (g *grpcAPI) listenConfigs(c *conn, body []byte) (response, error) {
	r, err := decode[configRequest](body)
	if err != nil {
		return response{}, err
	}
	for _, s := range r.ListenConfig {
		k, err := newConfigKey(s.Tenant, s.Group, s.DataID)
		if err != nil {
			return response{}, err
		}
		if r.Listen {
			c.configs[k] = true
		} else {
			delete(c.configs, k)
		}
	}
	changed := []configKey{}
	if r.Listen {
		changed = g.configs.outdated(r.ListenConfig)
	}
	return response{"ConfigChangeBatchListenResponse", configListenResponse{ok(r.RequestID), changed}}, nil
}
