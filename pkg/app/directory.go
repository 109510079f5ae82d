package app

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"cofre/pkg/storage/s3"
)

// setDirectory takes s3://bucket/prefix, an absolute path, or one that begins with ./ or ../. A bare name may mean a bucket or
// a folder: whoever meant the bucket would find no backup there on the worst day.
func setDirectory(c *Config, v string) error {
	if right := rightDirectory(v); right != "" {
		return fmt.Errorf("%.80q is neither s3://bucket/prefix nor a path that begins with / or ./; write %s", v, right)
	}
	if strings.Contains(v, "://") {
		if _, err := s3.ParseURL(v); err != nil {
			return err
		}
		c.Directory = v
		return nil
	}
	abs, err := filepath.Abs(v)
	c.Directory = abs
	return err
}

// rightDirectory says what to write instead of a place that is not written as one; "" when there is nothing to say.
func rightDirectory(v string) string {
	scheme, rest, isURL := strings.Cut(v, "://")
	switch {
	case strings.HasPrefix(v, "s3://"), filepath.IsAbs(v), v == ".", v == "..", strings.HasPrefix(v, "./"), strings.HasPrefix(v, "../"):
		return ""
	case isURL:
		return rightURL(strings.ToLower(scheme), rest)
	case strings.HasPrefix(v, "~"):
		return "the home directory in full, because only a shell knows what ~ is: " + filepath.Join("/home/you", strings.TrimLeft(v, "~/"))
	case strings.HasPrefix(v, "arn:aws:s3:::"):
		return "s3://" + strings.TrimPrefix(v, "arn:aws:s3:::")
	case strings.HasPrefix(v, "s3:"):
		return "s3://" + strings.TrimLeft(strings.TrimPrefix(v, "s3:"), "/")
	}
	return fmt.Sprintf("s3://%.80s for a bucket, or ./%.80[1]s for a folder", v)
}

func rightURL(scheme, rest string) string {
	switch scheme {
	case "s3", "s3a", "s3n":
		return "s3://" + rest
	case "file":
		return strings.TrimPrefix(rest, "localhost")
	case "http", "https":
		u, err := url.Parse(scheme + "://" + rest)
		if err != nil || u.User != nil || u.RawQuery != "" {
			return "s3://bucket/prefix"
		}
		path := strings.Trim(u.Path, "/")
		if bucket, service, ok := strings.Cut(u.Host, ".s3"); ok && strings.HasSuffix(service, ".amazonaws.com") {
			return strings.TrimSuffix("s3://"+bucket+"/"+path, "/")
		}
		if path == "" {
			path = "bucket/prefix"
		}
		if strings.HasPrefix(u.Host, "s3.") && strings.HasSuffix(u.Host, ".amazonaws.com") {
			return "s3://" + path
		}
		return fmt.Sprintf("s3://%s, with AWS_ENDPOINT_URL_S3=%s://%s", path, scheme, u.Host)
	case "gs", "r2", "b2", "minio", "oss", "cos", "spaces":
		return "s3://" + rest + ", with AWS_ENDPOINT_URL_S3 set to the service's S3 address"
	}
	return ""
}
