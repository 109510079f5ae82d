//go:build stores

package testenv

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// HeavyStores names the services of others that "make stores" starts beside the light ones.
func HeavyStores() []string { return []string{"S3Mock", "s3proxy", "versitygw"} }

func init() { maps.Copy(storePrograms, heavyPrograms) }

var heavyPrograms = map[string]storeProgram{
	"versitygw": {"versitygw", []string{".cache/bin/versitygw"}, func(s *StoreServer) *exec.Cmd {
		return exec.Command(cached("bin", "versitygw"), "--access", s.AccessKey, "--secret", s.SecretKey, "--port", s.Addr(), "--quiet",
			"posix", "--versioning-dir", s.folder("versions"), s.data())
	}},
	"s3proxy": {"stores", []string{".cache/jars/s3proxy.jar"}, func(s *StoreServer) *exec.Cmd {
		conf := filepath.Join(s.dir.Path, "s3proxy.conf")
		_ = os.WriteFile(conf, []byte("s3proxy.authorization=aws-v2-or-v4\ns3proxy.identity="+s.AccessKey+"\ns3proxy.credential="+s.SecretKey+
			"\ns3proxy.endpoint="+s.Endpoint+"\njclouds.provider=filesystem-nio2\njclouds.filesystem.basedir="+s.data()+"\n"), 0o600)
		return exec.Command("java", "-jar", cached("jars", "s3proxy.jar"), "--properties", conf)
	}},
	"S3Mock": {"stores", []string{".cache/jars/s3mock.jar"}, func(s *StoreServer) *exec.Cmd {
		return exec.Command("java", "-jar", cached("jars", "s3mock.jar"), "--com.adobe.testing.s3mock.httpPort="+strconv.Itoa(s.port),
			"--server.port=0", "--com.adobe.testing.s3mock.store.root="+s.data(), "--logging.level.root=ERROR")
	}},
}
