package manifests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
)

// good is a manifest of 38 lines that the table below spoils one line at a
// time.
const good = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: b
spec:
  replicas: 2
  selector:
    matchLabels: {app: b}
  template:
    metadata:
      labels:
        app: b
      annotations:
        msePilotAutoEnable: "on"
    spec:
      terminationGracePeriodSeconds: 90
      containers:
        - name: b
          image: example.com/spring-cloud-b:1
          readinessProbe:
            tcpSocket: {port: 20002}
            periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec:
  selector: {app: b}
  ports: [{port: 80, targetPort: 20002}]
---
apiVersion: autoscaling.alibabacloud.com/v1beta1
kind: CronHorizontalPodAutoscaler
metadata: {name: b}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: b}
  jobs:
    - name: down
      schedule: "0 0/5 * * * *"
      targetSize: 1
`

func TestBadInput(t *testing.T) {
	_, err := Load([]input.Source{{Name: "m.yaml", Data: []byte(good)}}, Options{})
	require.NoError(t, err)
	cases := []struct {
		name, old, new, want string
	}{
		{"a health path without slash", `msePilotAutoEnable: "on"`, `spring.cloud.polaris.lossless.health-check-path: up`, `m.yaml:14: spring.cloud.polaris.lossless.health-check-path: path must start with a slash, got "up"; write /up (register once this path answers)`},
		{"a health path with a query", `msePilotAutoEnable: "on"`, `spring.cloud.polaris.lossless.health-check-path: /up?full`, `m.yaml:14: spring.cloud.polaris.lossless.health-check-path: path must be a plain path, without query, fragment or escapes, got "/up?full"; write /up (register once this path answers)`},
		{"unknown field", "replicas: 2", "replica: 2", `m.yaml:6: unknown field "replica" in spec (did you mean replicas?)`},
		{"unknown field deep", "image: example.com/spring-cloud-b:1", "imagee: x", `m.yaml:19: unknown field "imagee" in spec.template.spec.containers[0] (did you mean image?)`},
		{"field twice", "name: b\nspec", "name: b\n  name: c\nspec", `m.yaml:5: duplicate field "name" in metadata`},
		{"number quoted", "replicas: 2", `replicas: "2"`, `m.yaml:6: replicas must be a whole number, got "2" (write 2, without a unit or quotes)`},
		{"wrong unit", "terminationGracePeriodSeconds: 90", "terminationGracePeriodSeconds: 90s", `m.yaml:16: terminationGracePeriodSeconds must be a whole number, got "90s" (write 90, without a unit or quotes)`},
		{"switch without quotes", `msePilotAutoEnable: "on"`, `msePilotAutoEnable: on`, `m.yaml:14: msePilotAutoEnable must be a string, got on without quotes (write "on")`},
		{"switch with nonsense", `msePilotAutoEnable: "on"`, `msePilotAutoEnable: "maybe"`, `m.yaml:14: msePilotAutoEnable: must be true or false, got "maybe" (governed by MSE)`},
		{"delay with unit", `msePilotAutoEnable: "on"`, `mse.lossless.delayTime: "20s"`, `m.yaml:14: mse.lossless.delayTime: must be a whole number of seconds without a unit, got "20s" (seconds before registering)`},
		{"agent's JSON broken", `msePilotAutoEnable: "on"`, `polarismesh.cn/javaagentConfig: "{"`, `m.yaml:14: polarismesh.cn/javaagentConfig must be a JSON object (for example '{"spring.cloud.polaris.lossless.enabled": "true"}')`},
		{"list for a mapping", "    matchLabels: {app: b}", "    - app", "m.yaml:7: selector must be a mapping, got a list"},
		{"mapping for a list", "  ports: [{port: 80, targetPort: 20002}]", "  ports: {port: 80}", "m.yaml:29: ports must be a list, got a mapping (start each item with a dash)"},
		{"template", "image: example.com/spring-cloud-b:1", "image: {{ .image }}", "m.yaml:19: image must be a value, got a mapping (render the template first)"},
		{"unknown image", "spring-cloud-b:1", "sprin-cloud-b:1", `m.yaml:19: unknown image "example.com/sprin-cloud-b:1": it is not the image of a demo service (did you mean …/spring-cloud-b? or map it with imageRoles: {sprin-cloud-b: a})`},
		{"no name", "  name: b\nspec", "  labels: {}\nspec", "m.yaml:3: the Deployment has no metadata.name"},
		{"unknown kind", "kind: Deployment\n", "kind: Deploymnt\n", `m.yaml:2: unknown kind "Deploymnt" (did you mean Deployment?)`},
		{"no kind and no clue", "kind: Service\nmetadata: {name: b}\nspec:", "metadata: {name: b}\nspecs:", "m.yaml:24: the object has no kind (add its kind, for example kind: Deployment)"},
		{"kind by its ports", "kind: Service\n", "", ""},
		{"a scenario", "apiVersion: v1\nkind: Service", "apiVersion: zeroloss/v1\nkind: Scenario", "m.yaml:25: this is a scenario, not a manifest (run it without -f)"},
		{"autoscaler's version", "v1beta1\nkind: Cron", "v1\nkind: Cron", `m.yaml:31: unsupported apiVersion "autoscaling.alibabacloud.com/v1" of a CronHorizontalPodAutoscaler (write apiVersion: autoscaling.alibabacloud.com/v1beta1)`},
		{"selector and label differ", "{app: b}\n  template", "{app: c}\n  template", `m.yaml:8: the selector requires app=c, but the label of the template is "b" (the selector must match the labels of the template)`},
		{"no port there", "tcpSocket: {port: 20002}", "tcpSocket: {port: web}", `m.yaml:21: invalid port "web" (write 1 to 65535, or the name of a port of this container)`},
		{"probe without handler", "tcpSocket: {port: 20002}\n            ", "", "m.yaml:20: the probe must have exec, httpGet or tcpSocket"},
		{"scale what is not there", "kind: Deployment, name: b", "kind: Deployment, name: bb", `m.yaml:35: autoscaler "b" scales Deployment "bb", but no manifest contains it (did you mean b?)`},
		{"scale what cannot be", "kind: Deployment, name: b", "kind: StatefulSet, name: b", "m.yaml:35: unsupported scaleTargetRef kind \"StatefulSet\": only a Deployment can be scaled (known: Deployment)"},
		{"job without size", "      targetSize: 1\n", "", "m.yaml:37: the job must have a targetSize of at least 0"},
		{"job's size negative", "targetSize: 1", "targetSize: -1", "m.yaml:39: the job must have a targetSize of at least 0"},
		{"strategy", "  selector:\n    match", "  strategy: {type: Rolling}\n  selector:\n    match", `m.yaml:7: unknown strategy "Rolling" (did you mean RollingUpdate?)`},
		{"no surge, none unavailable", "  selector:\n    match", "  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}\n  selector:\n    match", "m.yaml:7: maxSurge and maxUnavailable must not both be 0"},
		{"surge of words", "  selector:\n    match", "  strategy: {rollingUpdate: {maxSurge: some}}\n  selector:\n    match", `m.yaml:7: maxSurge must be a number or a percentage, got "some" (for example 1 or 25%)`},
		{"not YAML", "kind: Deployment\n", "kind: Deployment: x\n", "m.yaml:2: is not valid YAML: mapping values are not allowed in this context (check the indentation; a value that contains ': ' needs quotes)"},
		{"a word", good, "hello\n", "m.yaml:1: expected a Kubernetes object, got a value (an object has apiVersion, kind and metadata)"},
		{"comments only", good, "# nothing\n", "m.yaml:1: contains only comments"},
		{"nothing to run", good, "kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n", "manifests: there is no Deployment of a demo service to run"},
		{"twice", good, good + "---\n" + good, "m.yaml:44: duplicate Deployment \"b\" (first defined at m.yaml:4)\nm.yaml:66: duplicate Service \"b\" (first defined at m.yaml:26)\nm.yaml:73: duplicate CronHorizontalPodAutoscaler \"b\" (first defined at m.yaml:33)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			require.NotEqual(t, good, text)
			_, err := Load([]input.Source{{Name: "m.yaml", Data: []byte(text)}}, Options{})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
			require.True(t, input.IsInvalid(err))
		})
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	text := strings.NewReplacer("replicas: 2", "replica: 2", "{port: 80, ", "{prt: 80, ", "targetSize", "size").Replace(good)
	_, err := Load([]input.Source{{Name: "m.yaml", Data: []byte(text)}, {Name: "a.yaml", Data: nil}}, Options{})
	require.EqualError(t, err, strings.Join([]string{
		"a.yaml:1: is empty",
		`m.yaml:6: unknown field "replica" in spec (did you mean replicas?)`,
		`m.yaml:29: unknown field "prt" in spec.ports[0] (did you mean port?)`,
		`m.yaml:39: unknown field "size" in spec.jobs[0] (did you mean targetSize?)`,
	}, "\n"))
}

// TestKubernetesHasTheLastWord: what the walk over the fields lets pass and
// the codec does not still gets its line.
func TestKubernetesHasTheLastWord(t *testing.T) {
	text := strings.Replace(good, "          readinessProbe:", "          resources: {requests: {cpu: much}}\n          readinessProbe:", 1)
	_, err := Load([]input.Source{{Name: "m.yaml", Data: []byte(text)}}, Options{})
	require.ErrorContains(t, err, "cannot be decoded")
	require.ErrorContains(t, err, "m.yaml:")
}

// FuzzLoad: no manifest makes the decoder panic, and what is wrong is always
// an input.Problem with a file.
func FuzzLoad(f *testing.F) {
	f.Add(good)
	src, ok := Open("mse-demo.yaml")
	require.True(f, ok)
	f.Add(string(src.Data))
	for i := range 30 {
		lines := strings.Split(good, "\n")
		f.Add(strings.Join(append(lines[:i:i], lines[i+1:]...), "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Load([]input.Source{{Name: "m.yaml", Data: []byte(text)}}, Options{})
		if err == nil {
			for _, w := range s.Workloads {
				_ = fmt.Sprint(slept(w), w.MaxSurge.Of(w.Replicas, true))
			}
			return
		}
		if !input.IsInvalid(err) {
			t.Errorf("not a problem of the input: %v", err)
		}
	})
}
