#include "certificate.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEN_YEARS_S (3650L * 86400L)

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* issuer NULL: self-signed authority. */
static X509 *make(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, long serial)
{
	X509 *cert = X509_new();
	X509_NAME *subject = cert != NULL ? X509_get_subject_name(cert) : NULL;
	bool ok =
		subject != NULL && X509_set_version(cert, 2) == 1 &&
		ASN1_INTEGER_set(X509_get_serialNumber(cert), serial) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
		X509_gmtime_adj(X509_getm_notAfter(cert), TEN_YEARS_S) != NULL && X509_set_pubkey(cert, key) == 1 &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1 &&
		X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject) == 1;

	if (ok && issuer == NULL)
		ok = add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") &&
		     add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	else if (ok)
		ok = add_extension(cert, issuer, NID_subject_alt_name,
				   "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1") &&
		     add_extension(cert, issuer, NID_ext_key_usage, "serverAuth");
	if (!ok || X509_sign(cert, issuer_key, EVP_sha256()) == 0) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static bool write_cert(const char *path, X509 *cert)
{
	FILE *f = fopen(path, "we");
	bool ok = f != NULL && PEM_write_X509(f, cert) == 1;

	return f != NULL && fclose(f) == 0 && ok;
}

static bool write_key(const char *path, EVP_PKEY *key)
{
	mode_t old = umask(077);
	FILE *f = fopen(path, "we");
	bool ok = f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;

	umask(old);
	return f != NULL && fclose(f) == 0 && ok;
}

int certificate_make(const char *dir, char *cert, size_t cert_size, char *key, size_t key_size, struct error *err)
{
	char ca_path[512];
	EVP_PKEY *ca_key, *server_key;
	X509 *ca = NULL, *server = NULL;
	bool ok;

	snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", dir);
	snprintf(cert, cert_size, "%s/server.pem", dir);
	snprintf(key, key_size, "%s/server.key", dir);
	if (access(ca_path, R_OK) == 0 && access(cert, R_OK) == 0 && access(key, R_OK) == 0)
		return 0;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return error_set_errno(err, errno, "cannot make the folder %s", dir);
	ca_key = EVP_EC_gen("P-256");
	server_key = EVP_EC_gen("P-256");
	if (ca_key != NULL && server_key != NULL) {
		ca = make(ca_key, "Roehub sandbox authority", NULL, ca_key, 1);
		server = ca != NULL ? make(server_key, "localhost", ca, ca_key, 2) : NULL;
	}
	ok = server != NULL && write_cert(ca_path, ca) && write_cert(cert, server) && write_key(key, server_key);
	X509_free(ca);
	X509_free(server);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(server_key);
	return ok ? 0 : error_set(err, ERR_UNAVAILABLE, "the certificates in %s could not be made", dir);
}
