package s3

import (
	"maps"
	"net/http"
	"slices"

	"cofre/pkg/storage"
)

// feature is one thing that Amazon's service can do and another's may not.
type feature string

const (
	createOnly         feature = "create-only"          // If-None-Match on PutObject
	replaceIfUnchanged feature = "replace-if-unchanged" // If-Match on PutObject
	writersAtOnce      feature = "writers-at-once"      // both hold among writers that come at the same time
	completeCreateOnly feature = "complete-create-only" // If-None-Match on CompleteMultipartUpload
	deletedNames       feature = "deleted-names"        // create-only where an object was deleted: the name is free again
	objectTags         feature = "tags"                 // without harm to the object
	partCRC            feature = "crc64nvme"            // checksums that the service compares and keeps
	wholeCRC           feature = "whole-crc64nvme"      // of the whole object, not of the parts' checksums
	objectSize         feature = "object-size"          // x-amz-mp-object-size
	abortUploads       feature = "abort-uploads"        // without harm to what has the same name
	listUploads        feature = "list-uploads"
)

// features are all of them: a record that names others is of another version.
var features = []feature{createOnly, replaceIfUnchanged, writersAtOnce, completeCreateOnly, deletedNames, objectTags, partCRC, wholeCRC, objectSize, abortUploads, listUploads}

// whyItMatters is said once, when it is found out that one is missing; the others go without saying.
var whyItMatters = map[feature]string{
	createOnly:         "the storage has no conditional writes: run one cofre at a time",
	replaceIfUnchanged: "the storage has no conditional writes: run one cofre at a time",
	writersAtOnce:      "the storage does not keep conditions among several writers: run one cofre at a time",
	completeCreateOnly: "the storage completes uploads over other objects: run one cofre at a time",
	deletedNames:       "the storage takes deleted names for taken: run one cofre at a time",
	abortUploads:       "the storage cannot end unfinished uploads: let a rule of the bucket remove them",
	listUploads:        "the storage does not list unfinished uploads: let a rule of the bucket remove them",
}

// lacks tells whether the service was found to lack f. Nothing learned is nothing lacking.
func (s *Store) lacks(f feature) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lacking[f]
}

// lack notes that the service lacks f; it tells whether that is news.
func (s *Store) lack(f feature) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lackLocked(f)
}

func (s *Store) lackLocked(f feature) bool {
	if s.lacking[f] {
		return false
	}
	if s.lacking == nil {
		s.lacking = map[feature]bool{}
	}
	s.lacking[f] = true
	if why := whyItMatters[f]; why != "" && !s.warned[why] {
		if s.warned == nil {
			s.warned = map[string]bool{}
		}
		s.warned[why] = true
		s.log.Warn(why, "storage", s.place)
	}
	return true
}

// missing lists what the service was found to lack, in the order of features.
func (s *Store) missing() []feature {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := maps.Clone(s.lacking)
	return slices.DeleteFunc(slices.Clone(features), func(f feature) bool { return !m[f] })
}

// adopt takes over what a probe found, or an earlier one: what is not missing is there, whatever was thought before.
func (s *Store) adopt(missing []feature) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacking = nil
	for _, f := range missing {
		s.lackLocked(f)
	}
}

// capabilities says the same to the rest of cofre.
func (s *Store) capabilities(lock bool) storage.Capabilities {
	m := map[feature]bool{}
	for _, f := range s.missing() {
		m[f] = true
	}
	return storage.Capabilities{
		CreateOnly: !m[createOnly] && !m[writersAtOnce], ReplaceIfUnchanged: !m[replaceIfUnchanged] && !m[writersAtOnce], CompleteCreateOnly: !m[completeCreateOnly],
		DeletedNamesTaken: m[deletedNames], UploadsStay: m[abortUploads] || m[listUploads],
		Tags: !m[objectTags], CRC64NVME: !m[partCRC] && !m[wholeCRC], ObjectLock: lock,
		MaxParts: s.cfg.MaxParts, EqualParts: s.cfg.EqualParts, MinPartSize: MinPartSize,
	}
}

// missingOf is the inverse, for Config.Known.
func missingOf(c storage.Capabilities) (missing []feature) {
	for f, there := range map[feature]bool{
		createOnly: c.CreateOnly, replaceIfUnchanged: c.ReplaceIfUnchanged, completeCreateOnly: c.CompleteCreateOnly,
		deletedNames: !c.DeletedNamesTaken, abortUploads: !c.UploadsStay, objectTags: c.Tags, partCRC: c.CRC64NVME,
	} {
		if !there {
			missing = append(missing, f)
		}
	}
	return missing
}

// isUnknownRequest tells whether the service does not know an operation as such.
func isUnknownRequest(err error) bool {
	a := answerOf(err)
	return a.code == "NotImplemented" || a.code == "MethodNotAllowed" || a.status == http.StatusNotImplemented || a.status == http.StatusMethodNotAllowed
}
