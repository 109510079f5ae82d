package postgres

import (
	"slices"
	"strings"
)

// plainly is a name as somebody may remember it: in lower case, without what joins its words.
func plainly(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// otherNames are names that drivers (JDBC, node-postgres, Npgsql, psycopg, Go, Prisma) give to parameters of libpq.
var otherNames = map[string]string{
	"username": "user", "userid": "user", "uid": "user", "pass": "password", "pwd": "password", "passwd": "password",
	"database": "dbname", "databasename": "dbname", "db": "dbname", "hostname": "host", "server": "host", "servername": "host", "address": "host",
	"timeout": "connect_timeout", "logintimeout": "connect_timeout", "connectiontimeout": "connect_timeout",
	"targetservertype": "target_session_attrs", "tcpkeepalive": "keepalives", "rootcert": "sslrootcert", "sslca": "sslrootcert", "ca": "sslrootcert",
	"cert": "sslcert", "key": "sslkey",
}

// sessionSettings are what drivers set in the sessions of applications. A backup takes no notice of them.
var sessionSettings = []string{"currentschema", "searchpath", "statementtimeout", "locktimeout", "timezone", "datestyle", "readonly", "preparethreshold", "sslfactory", "sslverify"}

// rightName says what to write instead of an unknown parameter; "" when that cannot be told. It repeats no part of the value.
func rightName(key, value string) string {
	name := plainly(key)
	if name == "ssl" || name == "usessl" || name == "tls" {
		mode := rightValue("sslmode", value)
		if mode == "" {
			return "write sslmode=require, or another sslmode"
		}
		return "write sslmode=" + mode
	}
	if slices.Contains(sessionSettings, name) {
		return "leave it out (which schemas are backed up is chosen with --schema)"
	}
	for _, k := range keywords {
		if plainly(k.name) == name {
			return "write " + k.name
		}
	}
	if right := otherNames[name]; right != "" {
		return "write " + right
	}
	return ""
}

// otherValues are words that other programs take where libpq has one of choices.
var otherValues = map[string]map[string]string{
	"sslmode": {
		"noverify": "require", "insecure": "require", "required": "require", "enabled": "require", "enable": "require",
		"preferred": "prefer", "disabled": "disable", "none": "disable", "verify": "verify-full", "strict": "verify-full", "verifyidentity": "verify-full",
	},
	"target_session_attrs": {
		"master": "primary", "slave": "standby", "secondary": "standby", "replica": "standby",
		"prefersecondary": "prefer-standby", "preferreplica": "prefer-standby", "preferslave": "prefer-standby", "write": "read-write",
	},
}

// rightValue is the value that was meant for a parameter with a closed set of values; "" when that cannot be told.
func rightValue(key, value string) string {
	word := plainly(value)
	for _, v := range choices[key] {
		if plainly(v) == word {
			return v
		}
	}
	if right := otherValues[key][word]; right != "" {
		return right
	}
	yes, no := "require", "disable"
	if key == poolerKeyword {
		yes, no = "true", "false"
	}
	for right, words := range map[string][]string{yes: {"true", "1", "on", "yes", "t"}, no: {"false", "0", "off", "no", "f"}} {
		if slices.Contains(words, word) && slices.Contains(choices[key], right) {
			return right
		}
	}
	return ""
}
