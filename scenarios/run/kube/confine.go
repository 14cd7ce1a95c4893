package kube

import "zeroloss/scenarios/image"

// scratch is the volume that is the /tmp of a pod of ours.
const scratch = "zeroloss-tmp"

// confine lets a pod of our image do what that needs, and nothing else: it runs
// as the image's user and writes nowhere but to /tmp. That is what a namespace
// asks for that enforces Pod Security's "restricted". The registry's pod is not
// confined: its image is Nacos' own, which runs as root and writes beside its
// programs.
func confine(pod, c Object) {
	pod["securityContext"] = map[string]any{
		"runAsNonRoot": true, "runAsUser": image.User, "runAsGroup": image.User,
		"seccompProfile": map[string]any{"type": "RuntimeDefault"},
	}
	c["securityContext"] = map[string]any{
		"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
		"capabilities": map[string]any{"drop": []any{"ALL"}},
	}
	for _, m := range c.list("volumeMounts") {
		if m.text("mountPath") == image.WorkDir {
			return
		}
	}
	mounts, _ := c["volumeMounts"].([]any) // none yet
	c["volumeMounts"] = append(mounts, map[string]any{"name": scratch, "mountPath": image.WorkDir})
	volumes, _ := pod["volumes"].([]any)
	pod["volumes"] = append(volumes, map[string]any{"name": scratch, "emptyDir": map[string]any{}})
}

// confined confines the pods of a Deployment whose image ours replaces. What it
// says itself is the application's: another user could not read what ours has
// written, and root would be refused where that is forbidden.
func (r *renderer) confined(obj, pod, c Object) {
	if pod["securityContext"] != nil || c["securityContext"] != nil {
		r.repair(obj, "securityContext is the application's: that of our image in its place")
	}
	for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		if pod[key] != nil {
			r.repair(obj, "%s is the application's, and left out", key)
			delete(pod, key)
		}
	}
	confine(pod, c)
}
