package host

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// clientCertEnv is how go-plugin's AutoMTLS hands the host's certificate to a plugin.
const clientCertEnv = "PLUGIN_CLIENT_CERT"

// mutualTLS makes the host's end of go-plugin's AutoMTLS: a certificate for one use, whose public part the plugin gets
// in its environment and answers in the handshake with its own. Both ends then talk to nobody else.
//
// go-plugin would do the same if asked, but with a key on the curve P-521, which BoringSSL, and so gRPC for Python and
// C++, does not accept (tried with grpcio 1.85: PEER_DID_NOT_RETURN_A_CERTIFICATE). With P-256 the same protocol works from Python as well.
func mutualTLS() (config *tls.Config, certPEM string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, "", err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost", Organization: []string{"Trilemma"}},
		DNSNames:     []string{"localhost"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", err
	}
	config = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		// go-plugin puts the plugin's certificate here when it arrives. Until then nobody is trusted.
		RootCAs:    x509.NewCertPool(),
		MinVersion: tls.VersionTLS13,
		ServerName: "localhost",
	}
	return config, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
