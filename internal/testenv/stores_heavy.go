//go:build stores

package testenv

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"cofre/internal/process"
)

// HeavyStores names the services of others that "make stores" starts beside the light ones.
func HeavyStores() []string { return []string{"S3Mock", "SeaweedFS", "s3proxy", "versitygw"} }

func init() { maps.Copy(storePrograms, heavyPrograms) }

var heavyPrograms = map[string]storeProgram{
	"versitygw": {"versitygw", []string{".cache/bin/versitygw"}, func(s *StoreServer) *exec.Cmd {
		return exec.Command(cached("bin", "versitygw"), "--access", s.AccessKey, "--secret", s.SecretKey, "--port", s.Addr(), "--quiet",
			"posix", "--versioning-dir", s.folder("versions"), s.data())
	}},
	"SeaweedFS": {"seaweedfs", []string{".cache/bin/seaweedfs"}, func(s *StoreServer) *exec.Cmd {
		args := []string{"server", "-dir=" + s.data(), "-ip=127.0.0.1", "-s3", "-s3.port=" + strconv.Itoa(s.port)}
		for _, part := range []string{"s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"} {
			port, _ := process.FreePort()
			args = append(args, "-"+part+"="+strconv.Itoa(port))
		}
		return exec.Command(cached("bin", "seaweedfs"), args...)
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
