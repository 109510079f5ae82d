// Launcher starts a program of a relocatable folder with the folder's own dynamic loader
// and libraries, wherever the folder lies and whatever the system around it provides:
//
//	ROOT/.../bin/NAME     this launcher, one copy per program
//	ROOT/libexec/NAME     the program itself
//	ROOT/lib/             its shared libraries and their loader; or ROOT/../lib, when several
//	                      folders share theirs
//
// ROOT is the nearest folder above the launcher that has libexec/NAME. The program is
// told the launcher's path as its own name, because PostgreSQL looks for its sibling
// programs and data next to itself. Nothing is added to the environment, so whatever the
// program starts in turn is not affected. The launcher is linked statically and needs no
// shell. It exits 127 when it cannot start the program.
package main

import (
	"os"
	"path"
	"syscall"
)

// levels is how many folders above itself the launcher looks for ROOT: enough for
// ROOT/lib/postgresql/18/bin/postgres.
const levels = 5

func main() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		// A root without /proc: the name it was called by has to do.
		self = os.Args[0]
	}
	name, root := path.Base(self), path.Dir(self)
	for range levels {
		root = path.Dir(root)
		program := path.Join(root, "libexec", name)
		if _, err := os.Stat(program); err != nil {
			continue
		}
		lib := path.Join(root, "lib")
		if _, err := os.Stat(path.Join(lib, loaderName)); err != nil {
			lib = path.Join(path.Dir(root), "lib")
		}
		loader := path.Join(lib, loaderName)
		argv := []string{loader, "--inhibit-cache", "--argv0", self, "--library-path", lib, program}
		err := syscall.Exec(loader, append(argv, os.Args[1:]...), os.Environ())
		fail("cannot start " + loader + ": " + err.Error())
	}
	fail("no libexec/" + name + " in the folders above " + self + "; the folder is incomplete, build it again")
}

func fail(text string) {
	os.Stderr.WriteString("launcher: " + text + "\n")
	os.Exit(127)
}
