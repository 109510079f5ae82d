# Functions that make the situations which the documents speak of (<!-- test: NAME -->), and the
# state in which every document begins. Read by bash, with BACKUP_DIRECTORY and DATABASE_URL
# not set yet: LOCAL, BUCKET, SHOP and the AWS keys of the sandbox are there instead.

# within DIRECTORY COMMAND... runs a command on that backup directory and the shop.
within() {
	local dir=$1
	shift
	BACKUP_DIRECTORY=$dir DATABASE_URL=$SHOP AWS_ACCESS_KEY_ID=$S3_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET "$@"
}

# backup NAME [OPTION...] makes one where the document is at.
backup() { within "${BACKUP_DIRECTORY:-$LOCAL}" cofre create --quiet --name "$@"; }

# on_s3 moves the reader to the bucket, with the same backup in it.
on_s3() {
	export BACKUP_DIRECTORY=$BUCKET AWS_ACCESS_KEY_ID=$S3_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET
	backup backup_2026-11-23_02-00-00.dump
}

# locally moves the reader back.
locally() { export BACKUP_DIRECTORY=$LOCAL; }

# lose_index loses registry.json.
lose_index() { rm "$LOCAL/registry.json"; }

# lose_records loses the index and the manifests. Tags are left.
lose_records() { rm -r "$LOCAL/registry.json" "$LOCAL/manifests" "$LOCAL/verifications"; }

# copied_without_tags replaces the directory by a copy without what cofre keeps beside the files.
copied_without_tags() {
	cp -R "$LOCAL" "$LOCAL.copy"
	rm -r "$LOCAL.copy/.cofre"
	cofre validate backup_2026-11-23_02-00-00.dump
	mv "$LOCAL" "$LOCAL.original"
	mv "$LOCAL.copy" "$LOCAL"
	! cofre validate backup_2026-11-23_02-00-00.dump
}

# damaged makes a backup and flips a byte in the middle of its data.
damaged() {
	backup damaged.dump
	flip "$LOCAL/files/damaged.dump"
}

flip() {
	local at=$(($(stat -c %s "$1") * 3 / 4))
	printf 'X' | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# files_at_hand puts a backup of each kind into the working directory, without extended attributes.
files_at_hand() {
	backup shop.sql && backup shop.sql.gz && backup shop.sql.zst
	test -e key.txt || age-keygen -o key.txt 2>/dev/null
	BACKUP_AGE_RECIPIENTS=$(age-keygen -y key.txt) backup secret.dump --encrypt
	cp "$LOCAL"/files/shop.sql* "$LOCAL"/files/secret.dump.age .
}

# in_database DATABASE SQL runs a statement and prints its values.
in_database() { psql --no-psqlrc --quiet --tuples-only --no-align --dbname="$1" --command="$2"; }

# rows DATABASE COUNT [TABLE] checks how many rows there are.
rows() { test "$(in_database "$1" "SELECT count(*) FROM ${3:-orders}")" = "$2"; }

# most_gone loses nine orders of ten.
most_gone() { in_database shop 'DELETE FROM orders WHERE id % 10 > 0'; }

# table_lost drops the orders.
table_lost() { in_database shop 'DROP TABLE orders CASCADE'; }

# rows_gone loses every tenth order of the shop.
rows_gone() { in_database shop 'DELETE FROM orders WHERE id % 10 = 0'; }

# rows_lost loses every tenth order of the shop, with a restored copy beside it.
rows_lost() {
	in_database shop 'DELETE FROM orders WHERE id % 10 = 0'
	within "$LOCAL" cofre restore --quiet backup_2026-11-23_02-00-00.dump --to "${SHOP%/*}/shop_restored" --create
}

# foreign_owner makes a backup with an owner and a grant, and forgets the roles.
foreign_owner() {
	in_database postgres 'CREATE ROLE app; CREATE ROLE clerk'
	in_database shop 'ALTER TABLE orders OWNER TO app; GRANT SELECT ON customers TO clerk'
	backup with-owners.dump
	in_database shop 'REASSIGN OWNED BY app TO postgres; DROP OWNED BY clerk, app'
	in_database postgres 'DROP ROLE app, clerk'
}

# free DATABASE makes a name free.
free() { dropdb --if-exists --force "$1"; }

within "$LOCAL" cofre create --quiet --name backup_2026-11-23_02-00-00.dump
