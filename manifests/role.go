package manifests

import (
	"fmt"
	"path"
	"strings"

	"zeroloss/internal/input"
)

// Role is the demo service that an image stands for.
type Role string

// Roles, in the order of the chain.
const (
	Gateway      Role = "gateway"
	A            Role = "a"
	B            Role = "b"
	C            Role = "c"
	RegistryRole Role = "registry"
	// Plain is a service that is none of ours, run as it is written, in a
	// cluster: it has no place in the chain.
	Plain Role = "plain"
	// Target is one that is there already, in a cluster; no manifest has it.
	Target Role = "target"
)

// External reports whether a service of this role is none of ours.
func (r Role) External() bool { return r == Plain || r == Target }

// Chain lists the roles of the chain, the outermost first.
func Chain() []Role { return []Role{Gateway, A, B, C} }

// RoleNames lists all roles.
func RoleNames() []string { return []string{"gateway", "a", "b", "c", "registry", "plain"} }

// Port is the one a demo service listens on, whatever containerPort says.
func (r Role) Port() int {
	switch r {
	case Gateway:
		return 20000
	case A:
		return 20001
	case B:
		return 20002
	case C:
		return 20003
	case Plain:
		return 8080
	}
	return 8848 // the registry's; its gRPC port is 1000 above
}

// ServesPath tells whether a path is the demo service's own, which the chain's
// requests have.
func (r Role) ServesPath(path string) bool {
	switch r {
	case Gateway:
		return strings.HasPrefix(path, "/A/")
	case A:
		return path == "/a" || path == "/a2bc"
	case B:
		return path == "/b" || path == "/b2c"
	case C:
		return path == "/c"
	}
	return false
}

// imageRole knows the demo's images by the last part of their name.
func imageRole(name string) (Role, bool) {
	switch name {
	case "spring-cloud-zuul", "spring-cloud-gateway":
		return Gateway, true
	case "spring-cloud-a":
		return A, true
	case "spring-cloud-b":
		return B, true
	case "spring-cloud-c":
		return C, true
	case "nacos-server":
		return RegistryRole, true
	case "plain-server":
		return Plain, true
	}
	return "", false
}

// knownImages is for hints.
func knownImages() []string {
	return []string{"spring-cloud-zuul", "spring-cloud-gateway", "spring-cloud-a", "spring-cloud-b", "spring-cloud-c", "nacos-server", "plain-server"}
}

// imageName is the last part of an image's name, without tag and digest.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	name := path.Base(image)
	name, _, _ = strings.Cut(name, ":")
	return name
}

// role finds what an image stands for.
func (l *loader) role(image string) (Role, bool) { return RoleOf(image, l.imageRoles) }

// RoleOf finds what an image stands for: a stand-in first, as [Options] has
// them, then its name.
func RoleOf(image string, imageRoles map[string]string) (Role, bool) {
	untagged := strings.TrimSuffix(image, image[strings.LastIndexByte(image, '/')+1:]) + imageName(image)
	for _, key := range []string{image, untagged, imageName(image)} {
		if command, ok := imageRoles[key]; ok {
			return roleOf(command)
		}
	}
	return imageRole(imageName(image))
}

// UnknownImage is what is wrong with an image that stands for nothing, and a
// hint.
func UnknownImage(image string) (text, hint string) {
	hint = input.Nearest(imageName(image), knownImages())
	if hint != "" {
		hint = "did you mean …/" + hint + "? "
	}
	return fmt.Sprintf("unknown image %q: no demo service stands for it", image), hint + "or map it by imageRoles: {" + imageName(image) + ": a}"
}
