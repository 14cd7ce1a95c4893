package manifests

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"zeroloss/internal/input"
)

// cronGroup is the API group of the CronHPA controller. Its Go types are not
// published as a module: those below follow its CRD.
const cronGroup = "autoscaling.alibabacloud.com"

type cronHPA struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              cronSpec       `json:"spec"`
	Status            map[string]any `json:"status,omitempty"`
}

type cronSpec struct {
	ScaleTargetRef scaleTarget `json:"scaleTargetRef"`
	Jobs           []cronJob   `json:"jobs"`
	ExcludeDates   []string    `json:"excludeDates,omitempty"`
}

type scaleTarget struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
}

type cronJob struct {
	Name       string `json:"name"`
	Schedule   string `json:"schedule"`
	TargetSize int32  `json:"targetSize"`
	RunOnce    bool   `json:"runOnce,omitempty"`
}

// DeepCopyObject is required by runtime.Object.
func (c *cronHPA) DeepCopyObject() runtime.Object {
	out := *c
	c.ObjectMeta.DeepCopyInto(&out.ObjectMeta) //nolint:staticcheck // the selector says what is copied
	out.Spec.Jobs = append([]cronJob(nil), c.Spec.Jobs...)
	out.Spec.ExcludeDates = append([]string(nil), c.Spec.ExcludeDates...)
	return &out
}

// readAutoscaler converts a CronHorizontalPodAutoscaler. The controller finds its
// target by group and kind and ignores the version (apps/v1beta2 in old examples).
func readAutoscaler(c *cronHPA, root input.Node, diags *diagnostics) Autoscaler {
	spec := root.Get("spec")
	target := spec.Find("scaleTargetRef")
	if k := c.Spec.ScaleTargetRef.Kind; k != "Deployment" {
		diags.problem(target.Find("kind"), "unsupported scaleTargetRef kind "+quoted(k)+": only a Deployment can be scaled", input.DidYouMean(k, []string{"Deployment"}))
	}
	if c.Spec.ScaleTargetRef.Name == "" {
		diags.problem(target, "scaleTargetRef has no name", "name a Deployment")
	}
	a := Autoscaler{Name: c.Name, Target: c.Spec.ScaleTargetRef.Name, Exclude: c.Spec.ExcludeDates, File: root.File(), Line: target.Find("name").Line()}
	if len(c.Spec.Jobs) == 0 {
		diags.problem(spec, "the autoscaler has no jobs", "")
	}
	jobs := spec.Get("jobs").Items()
	seen := map[string]bool{}
	for i, j := range c.Spec.Jobs {
		if j.Name == "" || seen[j.Name] {
			diags.problem(jobs[i], "job name "+quoted(j.Name)+" must be unique and not empty", "the controller identifies jobs by name")
		}
		seen[j.Name] = true
		if j.Schedule == "" {
			diags.problem(jobs[i], "the job has no schedule", `for example "0 0/5 * * * *", seconds first`)
		}
		if jobs[i].Get("targetSize").Shape() == input.Absent || j.TargetSize < 0 {
			diags.problem(jobs[i].Find("targetSize"), "the job must have a targetSize of at least 0", "")
		}
		a.Jobs = append(a.Jobs, Job{Name: j.Name, Schedule: j.Schedule, Target: int(j.TargetSize), RunOnce: j.RunOnce, Line: jobs[i].Find("schedule").Line()})
	}
	return a
}
