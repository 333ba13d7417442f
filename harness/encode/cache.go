package encode

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Cache keeps vectors on disk, so that a text is encoded once by each encoder.
//
// Every encoder has one file, FINGERPRINT.vectors: a header and then records of one length, each the SHA-256 of a text,
// its vector and a checksum of both. Records are only ever appended, under a lock, so that several processes may share a
// folder. A record that was cut short by a crash or damaged later is skipped, and its text encoded again.
type Cache struct {
	// Dir is the folder, made on first use. See [DefaultCacheDir].
	Dir string
	// Progress, where it is set, is told how many of the texts that the cache lacks are encoded: 0 before the first.
	Progress func(done, total int)
}

// DefaultCacheDir is trilemma/vectors in the user's cache folder.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a folder for the vector cache: %w; name one", err)
	}
	return filepath.Join(dir, "trilemma", "vectors"), nil
}

// CacheUse tells what a call of [Cache.Encode] found.
type CacheUse struct {
	Hits     int // texts whose vector was on disk
	Computed int // distinct texts that were encoded
	// Warning is why the cache could not be read or written, nil if it could. The vectors are right all the same.
	Warning error
}

// Encode returns the vectors of texts, as enc.Encode does, computing only those that the cache lacks. Equal texts are
// computed once. A cache that cannot be used costs time, not the result: see [CacheUse.Warning].
func (c *Cache) Encode(ctx context.Context, enc Encoder, texts []string) ([]float32, CacheUse, error) {
	dim := enc.Dim()
	var use CacheUse
	vectors := make([]float32, len(texts)*dim)
	places := make(map[textKey][]int, len(texts))
	keys := make([]textKey, len(texts))
	for i, text := range texts {
		keys[i] = sha256.Sum256([]byte(text))
		places[keys[i]] = append(places[keys[i]], i)
	}
	path := filepath.Join(c.Dir, fileName(enc)+".vectors")
	head := header(enc)
	found, err := load(path, head, dim, places, vectors)
	if err != nil {
		use.Warning = fmt.Errorf("reading cached vectors: %w", err)
	}
	var missing []string
	var missingKeys []textKey
	for i, key := range keys {
		if !found[key] {
			if places[key][0] == i {
				missing, missingKeys = append(missing, texts[i]), append(missingKeys, key)
			}
			continue
		}
		use.Hits++
	}
	use.Computed = len(missing)
	if len(missing) == 0 {
		return vectors, use, nil
	}
	f := &cacheFill{cache: c, enc: enc, path: path, head: head, keys: missingKeys, total: len(missing)}
	f.place = func(i int, vector []float32) {
		for _, at := range places[missingKeys[i]] {
			copy(vectors[at*dim:(at+1)*dim], vector)
		}
	}
	err = f.encode(ctx, missing)
	use.Warning = errors.Join(use.Warning, f.warning)
	if err != nil {
		return nil, use, err
	}
	return vectors, use, nil
}

type textKey = [sha256.Size]byte

// headerSize is fixed, so that records lie at known places.
const headerSize = 48

// header is magic, a digest of the encoder's fingerprint, the dimension and a checksum.
func header(enc Encoder) []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, "TRIVEC01"...)
	sum := sha256.Sum256([]byte(enc.Fingerprint()))
	b = append(b, sum[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(enc.Dim()))
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// fileName is safe whatever an encoder's fingerprint contains.
func fileName(enc Encoder) string {
	sum := sha256.Sum256([]byte(enc.Fingerprint()))
	return hex.EncodeToString(sum[:16])
}

func recordSize(dim int) int { return sha256.Size + 4*dim + 4 }

// load copies the cached vectors of the texts that places names to vectors and tells which were there. A missing file,
// or one with another header, has none.
func load(path string, head []byte, dim int, places map[textKey][]int, vectors []float32) (map[textKey]bool, error) {
	found := map[textKey]bool{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	have := make([]byte, headerSize)
	if _, err := io.ReadFull(r, have); err != nil || !bytes.Equal(have, head) {
		return found, ignoreShort(err)
	}
	record := make([]byte, recordSize(dim))
	for {
		if _, err := io.ReadFull(r, record); err != nil {
			return found, ignoreShort(err)
		}
		key := textKey(record[:sha256.Size])
		at, wanted := places[key]
		if !wanted || found[key] || !whole(record) {
			continue
		}
		first := vectors[at[0]*dim : (at[0]+1)*dim]
		for d := range first {
			first[d] = math.Float32frombits(binary.LittleEndian.Uint32(record[sha256.Size+4*d:]))
		}
		for _, i := range at[1:] {
			copy(vectors[i*dim:(i+1)*dim], first)
		}
		found[key] = true
	}
}

// whole tells whether a record's checksum is right.
func whole(record []byte) bool {
	body := record[:len(record)-4]
	return crc32.ChecksumIEEE(body) == binary.LittleEndian.Uint32(record[len(body):])
}

func ignoreShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// lockWait is how long a process waits for another that is appending.
const lockWait = 30 * time.Second

// store appends vectors. A file with another header is begun anew, and a record that was cut short is cut off.
func store(ctx context.Context, path string, head []byte, dim int, keys []textKey, vectors []float32) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	lock := flock.New(path + ".lock")
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("waiting for the lock %s: %w", lock.Path(), err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, err := appendAt(f, head, dim)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	record := make([]byte, 0, recordSize(dim))
	for i, key := range keys {
		record = append(record[:0], key[:]...)
		for _, x := range vectors[i*dim : (i+1)*dim] {
			record = binary.LittleEndian.AppendUint32(record, math.Float32bits(x))
		}
		record = binary.LittleEndian.AppendUint32(record, crc32.ChecksumIEEE(record))
		if _, err = w.Write(record); err != nil {
			break
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		// A full disk must not leave half a record behind; if it does, the next one to append cuts it off.
		return errors.Join(err, f.Truncate(end))
	}
	return nil
}

// appendAt makes sure of the header and seeks to the end of the last whole record.
func appendAt(f *os.File, head []byte, dim int) (int64, error) {
	have := make([]byte, headerSize)
	if _, err := io.ReadFull(f, have); err != nil || !bytes.Equal(have, head) {
		if err := ignoreShort(err); err != nil {
			return 0, err
		}
		if err := f.Truncate(0); err != nil {
			return 0, err
		}
		if _, err := f.WriteAt(head, 0); err != nil {
			return 0, err
		}
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := int64(recordSize(dim))
	end := headerSize + (info.Size()-headerSize)/size*size
	if err := f.Truncate(end); err != nil {
		return 0, err
	}
	return f.Seek(end, io.SeekStart)
}
