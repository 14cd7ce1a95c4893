package manifests

import (
	"fmt"
	"path"
	"strings"

	"zeroloss/internal/input"
)

// Role is the demo service that an image runs.
type Role string

// Roles, in the order of the chain.
const (
	Gateway      Role = "gateway"
	A            Role = "a"
	B            Role = "b"
	C            Role = "c"
	RegistryRole Role = "registry"
	// Plain is an external service that a run deploys to a cluster exactly as
	// its manifest says.
	Plain Role = "plain"
	// Target is an external service that is deployed already and that a run
	// attaches to; no manifest contains it.
	Target Role = "target"
)

// External reports whether the role is not a demo service: it does not report
// events and is observed from outside.
func (r Role) External() bool { return r == Plain || r == Target }

// Chain lists the roles that a request passes, in this order.
func Chain() []Role { return []Role{Gateway, A, B, C} }

// RoleNames lists all roles.
func RoleNames() []string { return []string{"gateway", "a", "b", "c", "registry", "plain"} }

// Port is the port that the demo service listens on, regardless of containerPort.
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
	default: // the registry; a target's port is its Deployment's
		return 8848 // its gRPC port is 1000 above
	}
}

// ServesPath reports whether the demo service serves requests with this path.
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
	default: // it is not in the chain
		return false
	}
}

// imageRole returns the role of the demo's images by the last part of their name.
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

// knownImages lists image names for hints.
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

// RoleOf returns the role of an image: from imageRoles (see [Options]) or else
// from its name.
func RoleOf(image string, imageRoles map[string]string) (Role, bool) {
	untagged := strings.TrimSuffix(image, image[strings.LastIndexByte(image, '/')+1:]) + imageName(image)
	for _, key := range []string{image, untagged, imageName(image)} {
		if name, ok := imageRoles[key]; ok {
			return roleOf(name)
		}
	}
	return imageRole(imageName(image))
}

// UnknownImage returns the error message for an image without a role, and a
// hint.
func UnknownImage(image string) (text, hint string) {
	hint = input.Nearest(imageName(image), knownImages())
	if hint != "" {
		hint = "did you mean …/" + hint + "? "
	}
	return fmt.Sprintf("unknown image %q: it is not the image of a demo service", image), hint + "or map it with imageRoles: {" + imageName(image) + ": a}"
}

// checkImageRoles checks that images are mapped to demo services.
func checkImageRoles(imageRoles map[string]string, diags *diagnostics) {
	for image, command := range imageRoles {
		if _, ok := roleOf(command); !ok {
			diags.problems = append(diags.problems, input.Problem{File: "imageRoles", Text: fmt.Sprintf("%s: unknown demo service %q", image, command),
				Hint: input.DidYouMean(command, RoleNames())})
		}
	}
}

// roleOf parses a demo service's name, as in Options.ImageRoles.
func roleOf(command string) (Role, bool) {
	command = strings.TrimSpace(strings.TrimPrefix(command, "service "))
	for _, r := range RoleNames() {
		if r == command {
			return Role(r), true
		}
	}
	return "", false
}
