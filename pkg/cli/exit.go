package cli

import (
	"slices"

	"cofre/pkg/fault"
)

// Exit codes. They keep their meaning for ever.
const (
	exitOK         = 0
	exitInternal   = 1
	exitInput      = 2
	exitDatabase   = 3
	exitCreation   = 4
	exitFileSystem = 5
	exitStored     = 6
	exitPermission = 7
	exitDiskSpace  = 8
	exitNotFound   = 9
	exitSomeFailed = 10
	exitInPart     = 11
	exitDiffer     = 12
	exitStopped    = 130
)

// exitCodes is the table that every command's help shows.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitOK, "done"},
	{exitInternal, "InternalError: a bug in cofre"},
	{exitInput, "bad input: an option, a name, an environment variable"},
	{exitDatabase, "DatabaseConnectionError: cannot connect or log in to the database"},
	{exitCreation, "BackupCreationError: pg_dump failed, or a restore did"},
	{exitFileSystem, "FileSystemError: cannot read or write the storage"},
	{exitStored, "ValidationError: a stored backup is damaged or missing"},
	{exitPermission, "PermissionError: a database privilege or storage permission is missing"},
	{exitDiskSpace, "DiskSpaceError: a disk is full, or a quota is reached"},
	{exitNotFound, "backup not found, or nothing of that name in it"},
	{exitSomeFailed, "some of several backups failed (cofre create --all): they are listed"},
	{exitInPart, "restored, except objects that failed: they are listed"},
	{exitDiffer, "backups differ (cofre diff --exit-code)"},
	{exitStopped, "stopped by Ctrl-C or SIGTERM, or a prompt was answered no"},
}

// storedReasons are those of a ValidationError that speak of stored data, not of input.
var storedReasons = []fault.Reason{
	fault.SizeMismatch, fault.ChecksumMismatch, fault.StructureDamaged, fault.ObjectMissing, fault.TagsMismatch, fault.GlobalsMismatch, fault.SignatureMissing, fault.SignatureWrong, fault.ContentsMismatch, fault.ProofFailed,
}

// exitCode gives the exit code of a fault's code and reason.
func exitCode(code fault.Code, reason fault.Reason) int {
	switch reason {
	case fault.SomeFailed:
		return exitSomeFailed
	case fault.RestoredInPart:
		return exitInPart
	case fault.ContentsDiffer:
		return exitDiffer
	}
	switch code {
	case fault.Validation:
		switch {
		case reason == fault.NotFound, reason == fault.ContentsMissing, reason == fault.GlobalsMissing:
			return exitNotFound
		case slices.Contains(storedReasons, reason):
			return exitStored
		}
		return exitInput
	case fault.DatabaseConnection:
		return exitDatabase
	case fault.BackupCreation:
		return exitCreation
	case fault.FileSystem:
		return exitFileSystem
	case fault.Permission:
		return exitPermission
	case fault.DiskSpace:
		return exitDiskSpace
	case fault.Canceled:
		return exitStopped
	}
	return exitInternal
}
