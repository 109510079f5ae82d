// Package kms signs with a key of AWS KMS, which the key never leaves.
//
// Keys are asymmetric ones for signing: ECC_NIST_P256, or ECC_NIST_EDWARDS25519 where KMS offers it. What is signed is sent as it is and
// hashed by KMS, so it may have 4096 bytes at most. See the operations Sign and GetPublicKey of the AWS Key Management Service API.
package kms

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsarn "github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"cofre/pkg/cloud"
	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
)

// prefix begins a reference to a key.
const prefix = "awskms:"

const example = "Write awskms: and the key's id, alias or ARN, for example awskms:alias/cofre or awskms:arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab."

const (
	// maxAttempts and maxBackoff make KMS worth waiting for: what is signed may be the work of hours.
	maxAttempts = 8
	maxBackoff  = 5 * time.Second
	// maxTime bounds a signature with all attempts, in less than a lease.
	maxTime = 60 * time.Second
)

// IsReference reports whether a value names a key of KMS.
func IsReference(value string) bool { return strings.HasPrefix(value, prefix) }

// Key is a key of KMS. It is safe for use by several goroutines.
type Key struct {
	client *kms.Client
	name   string // id, alias or ARN
}

// name is what KMS calls a key: an id, that of a multi-region key, or an alias. ARNs end with one of these.
var name = lazyregexp.New(`^(alias/[A-Za-z0-9/_-]{1,250}|(mrk-)?[A-Za-z0-9-]{1,64})$`)

// Open prepares a key by its reference. It makes no request. The AWS SDK's variables count, AWS_ENDPOINT_URL_KMS among them.
func Open(ctx context.Context, reference string) (*Key, error) {
	id := strings.TrimPrefix(reference, prefix)
	own, region := id, ""
	if a, err := awsarn.Parse(id); err == nil {
		region, own = a.Region, strings.TrimPrefix(a.Resource, "key/")
		if a.Service != "kms" || own == a.Resource && !strings.HasPrefix(own, "alias/") {
			own = ""
		}
	}
	if !IsReference(reference) || !name().MatchString(own) {
		return nil, fault.New(fault.Validation, fault.InvalidInput, example, "the signing key is not a reference to a key of AWS KMS")
	}
	cfg, err := cloud.Load(ctx, region)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Set AWS_REGION, or write the key's ARN.", "no AWS region is set for the signing key %s", id)
	}
	client := kms.NewFromConfig(cfg, func(o *kms.Options) {
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = maxAttempts, maxBackoff })
	})
	return &Key{client, id}, nil
}

// Name is the key's id, alias or ARN, as it was given.
func (k *Key) Name() string { return k.name }

// Opened is a key whose public half is known. It signs with exactly that key, whatever an alias stands for by then.
type Opened struct {
	Public    crypto.PublicKey // *ecdsa.PublicKey or ed25519.PublicKey
	ARN       string
	key       *Key
	algorithm types.SigningAlgorithmSpec
}

// Public asks for the public key.
func (k *Key) Public(ctx context.Context) (*Opened, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	out, err := k.client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(k.name)})
	if err != nil {
		return nil, k.explain(err, "kms:GetPublicKey")
	}
	return opened(k, out)
}

// opened reads a public key and makes sure that cofre can sign with its private half.
func opened(k *Key, out *kms.GetPublicKeyOutput) (*Opened, error) {
	o := &Opened{ARN: aws.ToString(out.KeyId), key: k}
	public, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		return nil, fault.Wrap(err, fault.BackupCreation, "", "Look at the key in the console of AWS KMS.", "the public key of %s cannot be read", k.name)
	}
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if p.Curve == elliptic.P256() {
			o.algorithm = types.SigningAlgorithmSpecEcdsaSha256
		}
	case ed25519.PublicKey:
		o.algorithm = types.SigningAlgorithmSpecEd25519Sha512
	}
	if o.Public = public; o.algorithm == "" || out.KeyUsage != types.KeyUsageTypeSignVerify {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Make one: aws kms create-key --key-usage SIGN_VERIFY --key-spec ECC_NIST_P256",
			"the key %s cannot sign backups: it is a key %s for %s", k.name, out.KeySpec, out.KeyUsage)
	}
	return o, nil
}

// Sign returns the signature of a message: of P-256 in ASN.1 over the message's SHA-256, of Ed25519 as its 64 bytes.
func (o *Opened) Sign(ctx context.Context, message []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	out, err := o.key.client.Sign(ctx, &kms.SignInput{KeyId: aws.String(o.ARN), Message: message, MessageType: types.MessageTypeRaw, SigningAlgorithm: o.algorithm})
	if err != nil {
		return nil, o.key.explain(err, "kms:Sign")
	}
	return out.Signature, nil
}

// explain says why KMS did not do what it was asked.
func (k *Key) explain(err error, right string) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		f := fault.Wrap(err, fault.BackupCreation, fault.HostUnreachable,
			"A function in a VPC needs a way to KMS: an interface endpoint, or a NAT gateway.", "AWS KMS cannot be reached for the signing key %s", k.name)
		f.Transient = true
		return f
	}
	switch code := api.ErrorCode(); code {
	case "NotFoundException":
		return fault.Wrap(err, fault.Validation, fault.InvalidInput, "Correct BACKUP_SIGNING_KEY; look at AWS_REGION where it is no ARN.", "there is no signing key %s", k.name)
	case "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "IncompleteSignature":
		return fault.Wrap(err, fault.Permission, fault.AccessDenied, "Grant kms:GetPublicKey and kms:Sign on the key to whoever makes backups, and to nobody else.", "%s is not allowed on the signing key %s", right, k.name)
	case "DisabledException", "KMSInvalidStateException":
		return fault.Wrap(err, fault.Permission, fault.AccessDenied, "Enable the key, or cancel its deletion, in the console of AWS KMS.", "the signing key %s is disabled, or about to be deleted", k.name)
	case "InvalidKeyUsageException", "UnsupportedOperationException", "ValidationException":
		return fault.Wrap(err, fault.Validation, fault.InvalidInput, "Make one: aws kms create-key --key-usage SIGN_VERIFY --key-spec ECC_NIST_P256", "the key %s cannot sign backups", k.name)
	default:
		f := fault.Wrap(err, fault.BackupCreation, "", "Try again; if it stays, look at the key in the console of AWS KMS.", "AWS KMS did not answer for the signing key %s (%s)", k.name, code)
		f.Transient = api.ErrorFault() == smithy.FaultServer || strings.Contains(code, "Throttl") || strings.Contains(code, "Timeout")
		return f
	}
}
