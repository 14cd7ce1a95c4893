package render

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"zeroloss/scenarios/image"
)

// scratchVolume is the /tmp of a pod of the zeroloss image.
const scratchVolume = "zeroloss-tmp"

// restrict lets a pod of the zeroloss image do what that needs, and nothing
// else: it runs as the image's user and writes nowhere but to /tmp. A namespace
// that enforces Pod Security's "restricted" requires that. The registry's pod
// is not restricted: its image is Nacos' own, which runs as root and writes
// beside its programs.
func restrict(pod *corev1.PodSpec, c *corev1.Container) {
	yes, user := true, int64(image.User)
	pod.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	c.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(bool), ReadOnlyRootFilesystem: &yes,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == image.WorkDir }) {
		return
	}
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: scratchVolume, MountPath: image.WorkDir})
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: scratchVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
}

// replaceSecurity restricts the pods of the Deployment, whose image is replaced.
// Its own security context is the application's: another user could not read
// what the zeroloss image has written, and root would be refused where that is
// forbidden.
func (a *deploymentAdapter) replaceSecurity() {
	pod, c := a.pod, a.c
	if pod.SecurityContext != nil || c.SecurityContext != nil {
		a.adjust("securityContext of the application: that of the zeroloss image in its place")
	}
	for _, x := range []struct {
		field string
		set   *bool
	}{{"hostNetwork", &pod.HostNetwork}, {"hostPID", &pod.HostPID}, {"hostIPC", &pod.HostIPC}} {
		if *x.set {
			a.adjust("%s left out: it is the application's", x.field)
			*x.set = false
		}
	}
	restrict(pod, c)
}
