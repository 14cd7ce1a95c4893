package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/protobuf/types/known/anypb"

	"zeroloss/demo-services/registry"
)

// Result and error codes of Nacos' gRPC API.
const (
	codeOK           = 200
	codeFail         = 500
	codeUnregistered = 301 // makes the client reconnect
	codeNoHandler    = 302
	codeInvalid      = 400
)

// baseResponse is the part that all responses share. The Go SDK reads success,
// the Java client resultCode.
type baseResponse struct {
	ResultCode int    `json:"resultCode"`
	ErrorCode  int    `json:"errorCode"`
	Success    bool   `json:"success"`
	Message    string `json:"message"`
	RequestID  string `json:"requestId"`
}

// response is a body and its type name: the SDK asserts the type and panics on
// a wrong one, except on ErrorResponse.
type response struct {
	kind string
	body any
}

func ok(requestID string) baseResponse {
	return baseResponse{ResultCode: codeOK, Success: true, RequestID: requestID}
}

func failure(requestID string, code int, format string, args ...any) response {
	return response{"ErrorResponse", baseResponse{
		ResultCode: codeFail, ErrorCode: code, Message: fmt.Sprintf(format, args...), RequestID: requestID,
	}}
}

// hostJSON is an instance on the wire, in both directions.
type hostJSON struct {
	InstanceID        string       `json:"instanceId"`
	IP                string       `json:"ip"`
	Port              int          `json:"port"`
	Weight            float64      `json:"weight"`
	Healthy           bool         `json:"healthy"`
	Enabled           bool         `json:"enabled"`
	Ephemeral         bool         `json:"ephemeral"`
	Cluster           string       `json:"clusterName"`
	Service           string       `json:"serviceName"`
	Metadata          metadataJSON `json:"metadata"`
	HeartBeatInterval int          `json:"instanceHeartBeatInterval"`
	IPDeleteTimeout   int          `json:"ipDeleteTimeout"`
	HeartBeatTimeout  int          `json:"instanceHeartBeatTimeOut"`
}

// metadataJSON is the metadata of an instance. Numbers and Booleans are taken for
// their text, and null for "", as a real server does.
type metadataJSON map[string]string

// UnmarshalJSON decodes an object of scalars.
func (m *metadataJSON) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil || raw == nil {
		return err
	}
	*m = make(metadataJSON, len(raw))
	for name, value := range raw {
		var text string
		switch value[0] {
		case '{', '[':
			return fmt.Errorf("%w: the metadata %q is not a scalar", errInvalid, name)
		case '"':
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
		case 'n': // null
		default:
			text = string(value)
		}
		(*m)[name] = text
	}
	return nil
}

// errInvalid marks a request that cannot be served.
var errInvalid = errors.New("invalid request")

// maxWeight is the largest weight that a real server accepts.
const maxWeight = 10000

func (h hostJSON) host() (registry.Host, error) {
	if h.Cluster == "" {
		h.Cluster = registry.DefaultCluster
	}
	if err := checkHost(h); err != nil {
		return registry.Host{}, err
	}
	return registry.Host{
		IP: h.IP, Port: h.Port, Weight: min(max(h.Weight, 0), maxWeight), Healthy: h.Healthy, Enabled: h.Enabled,
		Ephemeral: h.Ephemeral, Cluster: h.Cluster, Metadata: h.Metadata,
	}, nil
}

func newHostJSON(k registry.Key, h registry.Host) hostJSON {
	meta := h.Metadata
	if meta == nil {
		meta = map[string]string{}
	}
	return hostJSON{
		InstanceID: fmt.Sprintf("%s#%d#%s#%s", h.IP, h.Port, h.Cluster, k.Grouped()),
		IP:         h.IP, Port: h.Port, Weight: h.Weight, Healthy: h.Healthy, Enabled: h.Enabled,
		Ephemeral: h.Ephemeral, Cluster: h.Cluster, Service: k.Grouped(), Metadata: meta,
		HeartBeatInterval: 5000, IPDeleteTimeout: 30000, HeartBeatTimeout: 15000,
	}
}

// serviceInfo is the list of a service on the wire.
type serviceInfo struct {
	Name                     string     `json:"name"`
	GroupName                string     `json:"groupName"`
	Clusters                 string     `json:"clusters"` // as requested: part of the client's cache key
	CacheMillis              int        `json:"cacheMillis"`
	Hosts                    []hostJSON `json:"hosts"`       // never null
	LastRefTime              int64      `json:"lastRefTime"` // ms; clients drop lists that are not newer
	Checksum                 string     `json:"checksum"`
	AllIPs                   bool       `json:"allIPs"`
	ReachProtectionThreshold bool       `json:"reachProtectionThreshold"`
	Valid                    bool       `json:"valid"`
}

// newServiceInfo returns a snapshot limited to the clusters ("a,b"; "" is all)
// and, if asked for, to healthy hosts. It has no LastRefTime yet.
func newServiceInfo(snap registry.Snapshot, clusters string, healthyOnly bool) serviceInfo {
	want := strings.Split(clusters, ",")
	hosts := []hostJSON{}
	for _, h := range snap.Hosts {
		if (clusters == "" || slices.Contains(want, h.Cluster)) && (h.Healthy || !healthyOnly) {
			hosts = append(hosts, newHostJSON(snap.Key, h))
		}
	}
	return serviceInfo{
		Name: snap.Key.Service, GroupName: snap.Key.Group, Clusters: clusters, CacheMillis: cacheMillis,
		Hosts: hosts, Valid: true,
	}
}

// cacheMillis is how long a polling client keeps a list; the default of a real
// server.
const cacheMillis = 10_000

// namingRequest is the part that all requests of the naming module share.
type namingRequest struct {
	RequestID string `json:"requestId"`
	Namespace string `json:"namespace"`
	Service   string `json:"serviceName"`
	Group     string `json:"groupName"`
}

func (n namingRequest) key() (registry.Key, error) {
	k := registry.NewKey(n.Namespace, n.Group, n.Service)
	if strings.HasPrefix(n.Service, "@@") {
		return k, fmt.Errorf("%w: the groupName in serviceName %q is empty", errInvalid, n.Service)
	}
	return k, checkKey(k)
}

type instanceRequest struct {
	namingRequest
	Type     string   `json:"type"`
	Instance hostJSON `json:"instance"`
}

type batchRequest struct {
	namingRequest
	Type      string     `json:"type"`
	Instances []hostJSON `json:"instances"`
}

type typedResponse struct {
	baseResponse
	Type string `json:"type"`
}

type subscribeRequest struct {
	namingRequest
	Subscribe bool   `json:"subscribe"`
	Clusters  string `json:"clusters"`
}

type queryRequest struct {
	namingRequest
	Cluster     string `json:"cluster"`
	HealthyOnly bool   `json:"healthyOnly"`
}

type infoResponse struct {
	baseResponse
	ServiceInfo serviceInfo `json:"serviceInfo"`
}

type listRequest struct {
	namingRequest
	PageNo   int `json:"pageNo"`
	PageSize int `json:"pageSize"`
}

type listResponse struct {
	baseResponse
	Count        int      `json:"count"`
	ServiceNames []string `json:"serviceNames"`
}

type checkResponse struct {
	baseResponse
	ConnectionID string `json:"connectionId"`
}

type setupRequest struct {
	ClientVersion string            `json:"clientVersion"`
	Tenant        string            `json:"tenant"`
	Labels        map[string]string `json:"labels"`
}

type notifyRequest struct {
	RequestID   string      `json:"requestId"`
	Namespace   string      `json:"namespace"`
	Service     string      `json:"serviceName"`
	Group       string      `json:"groupName"`
	Module      string      `json:"module"`
	ServiceInfo serviceInfo `json:"serviceInfo"`
}

// payload encodes v as Nacos' gRPC messages are: JSON within protobuf.
func payload(kind string, v any) (*pb.Payload, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", kind, err)
	}
	return &pb.Payload{
		Metadata: &pb.Metadata{Type: kind, Headers: map[string]string{}},
		Body:     &anypb.Any{Value: body},
	}, nil
}

// decode decodes the body of a message.
func decode[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fmt.Errorf("%w: %w", errInvalid, err)
	}
	return v, nil
}
