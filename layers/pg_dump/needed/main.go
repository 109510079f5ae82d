// Needed prints the shared libraries that ELF files need, recursively, as lines "NAME FILE":
//
//	needed DIR[:DIR...] FILE...
//
// Libraries are looked for in the given folders and nowhere else, in their order; one that is not there is an error. It
// reads the files and runs nothing, so they may be of another architecture, as long as it is one for all.
package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if len(os.Args) < 3 {
		fail("usage: needed DIR[:DIR...] FILE...")
	}
	found, err := resolve(filepath.SplitList(os.Args[1]), os.Args[2:])
	if err != nil {
		fail(err.Error())
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Println(name, found[name])
	}
}

// resolve gives the file of each library that the files need, by the library's name.
func resolve(dirs, files []string) (map[string]string, error) {
	found := map[string]string{}
	var machine elf.Machine
	for queue := slices.Clone(files); len(queue) > 0; queue = queue[1:] {
		f, err := elf.Open(queue[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", queue[0], err)
		}
		names, err := f.ImportedLibraries()
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", queue[0], err)
		}
		if machine == 0 {
			machine = f.Machine
		}
		if f.Machine != machine {
			return nil, fmt.Errorf("%s is for %v, others are for %v", queue[0], f.Machine, machine)
		}
		for _, name := range names {
			if found[name] != "" {
				continue
			}
			file := find(dirs, name)
			if file == "" {
				return nil, fmt.Errorf("%s needs %s, which is not in %v", queue[0], name, dirs)
			}
			found[name] = file
			queue = append(queue, file)
		}
	}
	return found, nil
}

func find(dirs []string, name string) string {
	for _, dir := range dirs {
		if file := filepath.Join(dir, name); isFile(file) {
			return file
		}
	}
	return ""
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, "needed: "+text)
	os.Exit(1)
}
