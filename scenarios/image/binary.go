package image

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"slices"
)

// program is the file that the image is made of.
type program struct {
	path string
	arch string // as GOARCH names it
	size int64  // bytes
}

// module is the one whose command goes into the image.
const module = "zeroloss"

// readBinary checks that the file at path would run as the only file of a
// system of architecture arch ("" is any).
func readBinary(path, arch string) (*program, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the image's binary: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the image's binary: %w", err)
	}
	defer f.Close()
	b := &program{path: path, size: info.Size()}
	if b.arch, err = machine(f); err != nil {
		return nil, unsuitableBinary(path, arch, err)
	}
	if arch != "" && arch != b.arch {
		return nil, unsuitableBinary(path, arch, fmt.Errorf("it is built for %s", b.arch))
	}
	built, err := buildinfo.Read(f)
	if err != nil {
		return nil, unsuitableBinary(path, arch, fmt.Errorf("it is not a Go program: %w", err))
	}
	if built.Main.Path != module {
		return nil, unsuitableBinary(path, arch, fmt.Errorf("it belongs to another module, %q", built.Path))
	}
	return b, nil
}

// unsuitableBinary is the error of a binary that cannot be the image's, with the cure.
func unsuitableBinary(path, arch string, why error) error {
	if arch == "" {
		arch = "amd64"
	}
	return fmt.Errorf("putting %q into an image: %w\n  the image contains only a statically linked zeroloss for Linux; build one and pass it:\n"+
		"  CGO_ENABLED=0 GOOS=linux GOARCH=%s go build -o zeroloss-linux ./cmd/zeroloss && zeroloss image --binary zeroloss-linux", path, why, arch)
}

// machines are the architectures of Kubernetes' nodes: ELF's name and Go's.
var machines = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_386: "386",
	elf.EM_S390: "s390x", elf.EM_RISCV: "riscv64",
}

// machine is the architecture of a static Linux program.
func machine(r io.ReaderAt) (string, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return "", fmt.Errorf("it is not a Linux program: %w", err)
	}
	defer f.Close() //nolint:errcheck // it only reads
	if f.OSABI != elf.ELFOSABI_NONE && f.OSABI != elf.ELFOSABI_LINUX {
		return "", fmt.Errorf("it is a program for %s, not for Linux", f.OSABI)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return "", fmt.Errorf("it is linked dynamically")
	}
	arch, ok := machines[f.Machine]
	if f.Machine == elf.EM_PPC64 && f.ByteOrder.String() == "LittleEndian" {
		arch, ok = "ppc64le", true
	}
	if !ok {
		return "", fmt.Errorf("unsupported architecture %s", f.Machine)
	}
	return arch, nil
}
