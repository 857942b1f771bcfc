/** Names of images (R34): what Docker's parser takes and refuses, and how it says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  canonicalName,
  canonicalString,
  familiarName,
  familiarString,
  parseReference,
  refuseReservedName,
  withDefaultTag,
} from '../../src/reference.js';
import { KnownError } from '../../store/errors.js';

const d = `sha256:${'0123456789abcdef'.repeat(4)}`;
const d512 = `sha512:${'ab'.repeat(64)}`;
const hex64 = 'a'.repeat(64);
const format = 'invalid reference format';

/** input, domain, path, tag, digest, familiar form */
type Accepted = [string, string, string, tag?: string | undefined, digest?: string | undefined, familiar?: string];
const accepted: Accepted[] = [
  ['ubuntu', 'docker.io', 'library/ubuntu'],
  ['ubuntu:16.04', 'docker.io', 'library/ubuntu', '16.04'],
  ['ubuntu:latest', 'docker.io', 'library/ubuntu', 'latest'],
  [`ubuntu@${d}`, 'docker.io', 'library/ubuntu', undefined, d],
  [`ubuntu:16.04@${d}`, 'docker.io', 'library/ubuntu', '16.04', d],
  [`ubuntu@${d512}`, 'docker.io', 'library/ubuntu', undefined, d512],
  ['library/ubuntu', 'docker.io', 'library/ubuntu', undefined, undefined, 'ubuntu'],
  ['docker.io/ubuntu', 'docker.io', 'library/ubuntu', undefined, undefined, 'ubuntu'],
  ['docker.io/library/ubuntu', 'docker.io', 'library/ubuntu', undefined, undefined, 'ubuntu'],
  ['index.docker.io/ubuntu:1', 'docker.io', 'library/ubuntu', '1', undefined, 'ubuntu:1'],
  ['index.docker.io/library/ubuntu', 'docker.io', 'library/ubuntu', undefined, undefined, 'ubuntu'],
  ['index.docker.io/a/b', 'docker.io', 'a/b', undefined, undefined, 'a/b'],
  ['docker.io/library/foo/bar', 'docker.io', 'library/foo/bar', undefined, undefined, 'library/foo/bar'],
  ['docker.io/1a/1a', 'docker.io', '1a/1a', undefined, undefined, '1a/1a'],
  ['foo/bar', 'docker.io', 'foo/bar'],
  ['foo/bar:baz', 'docker.io', 'foo/bar', 'baz'],
  ['foo/bar/baz', 'docker.io', 'foo/bar/baz'],
  ['foo_bar/baz', 'docker.io', 'foo_bar/baz'],
  ['foo__bar/baz', 'docker.io', 'foo__bar/baz'],
  ['foo--bar/baz', 'docker.io', 'foo--bar/baz'],
  ['foo---bar', 'docker.io', 'library/foo---bar'],
  ['foo.bar', 'docker.io', 'library/foo.bar'],
  ['a.b_c-d/e.f', '', '', 'refuse'],
  ['1', 'docker.io', 'library/1'],
  ['a/a/a/a/a/a', 'docker.io', 'a/a/a/a/a/a'],
  ['aa/aa', 'docker.io', 'aa/aa'],
  ['localhost', 'docker.io', 'library/localhost'],
  ['localhost:5000', 'docker.io', 'library/localhost', '5000'],
  ['localhost/x', 'localhost', 'x'],
  ['localhost/library/x', 'localhost', 'library/x'],
  ['localhost:5000/x', 'localhost:5000', 'x'],
  ['localhost:5000/x:y', 'localhost:5000', 'x', 'y'],
  ['LOCALHOST/x', 'LOCALHOST', 'x'],
  ['LOCALDOMAIN/debian', 'LOCALDOMAIN', 'debian'],
  ['Foo/bar', 'Foo', 'bar'],
  ['localdomain/debian', 'docker.io', 'localdomain/debian'],
  ['xn--n3h.com/myimage', 'xn--n3h.com', 'myimage'],
  ['xn--7o8h.com/myimage:xn--7o8h.com', 'xn--7o8h.com', 'myimage', 'xn--7o8h.com'],
  ['x.y/z', 'x.y', 'z'],
  ['x.y/z/w', 'x.y', 'z/w'],
  ['example.com/my/deep/image', 'example.com', 'my/deep/image'],
  ['test.com:8080/foo', 'test.com:8080', 'foo'],
  ['test.com:tag/foo', '', '', 'refuse'],
  ['host:0/x', 'host:0', 'x'],
  ['host:99999/x', 'host:99999', 'x'],
  ['host:5000/x/y:z', 'host:5000', 'x/y', 'z'],
  ['a:5/b', 'a:5', 'b'],
  ['foo_bar.com:8080', 'docker.io', 'library/foo_bar.com', '8080'],
  ['foo.com/bar.baz', 'foo.com', 'bar.baz'],
  ['registry.example/a__b', 'registry.example', 'a__b'],
  ['127.0.0.1/x', '127.0.0.1', 'x'],
  ['127.0.0.1:5000/x', '127.0.0.1:5000', 'x'],
  ['192.168.1.1:80/a/b:c', '192.168.1.1:80', 'a/b', 'c'],
  ['[::1]/a', '[::1]', 'a'],
  ['[::1]:5000/a', '[::1]:5000', 'a'],
  ['[::1]:5000/a:b', '[::1]:5000', 'a', 'b'],
  [`[::1]:5000/a:b@${d}`, '[::1]:5000', 'a', 'b', d],
  ['[2001:db8:1:2:3:4:5:6]:5000/a/b', '[2001:db8:1:2:3:4:5:6]:5000', 'a/b'],
  ['[2001:DB8::1]/a', '[2001:DB8::1]', 'a'],
  ['[::]/a', '[::]', 'a'],
  ['a-b.c-d/x', 'a-b.c-d', 'x'],
  [`foo:${'t'.repeat(128)}`, 'docker.io', 'library/foo', 't'.repeat(128)],
  ['foo:_tag', 'docker.io', 'library/foo', '_tag'],
  ['foo:UPPER-tag.1', 'docker.io', 'library/foo', 'UPPER-tag.1'],
  ['foo:1', 'docker.io', 'library/foo', '1'],
  [`h.io/${'a'.repeat(255)}`, 'h.io', 'a'.repeat(255)],
  ['a'.repeat(247), 'docker.io', `library/${'a'.repeat(247)}`],
  [`h.io/${'a/'.repeat(127)}a`, 'h.io', `${'a/'.repeat(127)}a`],
  [hex64.slice(1), 'docker.io', `library/${hex64.slice(1)}`],
  [`${hex64}a`, 'docker.io', `library/${hex64}a`],
  [`${hex64}:tag`, 'docker.io', `library/${hex64}`, 'tag'],
  [`h.io/${hex64}`, 'h.io', hex64],
  [`foo/${hex64}`, 'docker.io', `foo/${hex64}`],
  ['scratch', 'docker.io', 'library/scratch'],
  ['sha256', 'docker.io', 'library/sha256'],
  ['sha256:abc', 'docker.io', 'library/sha256', 'abc'],
];

/** input, message */
const refused: [string, string][] = [
  ['', format],
  [' ', format],
  [':', format],
  [':tag', format],
  ['@', format],
  [`@${d}`, format],
  ['/', format],
  ['//', format],
  ['/ubuntu', format],
  ['ubuntu/', format],
  ['a//b', format],
  ['a/../b', format],
  ['../b', format],
  ['h.io/../b', format],
  ['h.io/a/..', format],
  ['./a', format],
  ['a/./b', format],
  ['-a', format],
  ['a-', format],
  ['-a/b', format],
  ['a-/b', format],
  ['a/-b', format],
  ['_a', format],
  ['a_', format],
  ['a/_b', format],
  ['a___b', format],
  ['a..b', format],
  ['a._b', format],
  ['a.-b/c', format],
  ['.a/b', format],
  ['h.io/', format],
  ['h.io', ''],
  ['h.io/.a', format],
  ['h.io/a b', format],
  [' ubuntu', format],
  ['ubuntu ', format],
  ['ubuntu\n', format],
  ['ubuntu\u0000', format],
  ['ubuntu\ttag', format],
  ['a%2eb', format],
  ['a%2fb', format],
  ['https://h.io/a', format],
  ['http://h.io/a', format],
  ['docker://a', format],
  ['user@h.io/a', format],
  ['user:pw@h.io/a', format],
  ['h.io:port/a', format],
  ['h.io:/a', format],
  ['h.io:-1/a', format],
  ['h_x.io/a', format],
  ['-h.io/a', format],
  ['h-.io/a', format],
  ['h..io/a', format],
  ['h.io./a', format],
  ['::1/a', format],
  ['::1:5000/a', format],
  ['[::1', format],
  ['[::1]', format],
  ['[::1]a/b', format],
  ['[::1]:/a', format],
  ['[]/a', format],
  ['[::1%eth0]/a', format],
  ['[fe80::1%25lo]:5000/a', format],
  ['[gg::1]:5000/a', format],
  ['[2001:db8::1]:5000', format],
  ['ubuntu:', format],
  ['ubuntu::1', format],
  ['ubuntu:a:b', format],
  ['ubuntu:-a', format],
  ['ubuntu:.a', format],
  ['ubuntu:a+b', format],
  ['ubuntu:tag/', format],
  ['ubuntu:é', format],
  [`foo:${'t'.repeat(129)}`, format],
  ['ubuntu@', format],
  ['ubuntu@sha256', format],
  ['ubuntu@sha256:', format],
  ['ubuntu@sha256:abc', format],
  [`ubuntu@${d}x`, format],
  [`ubuntu@${d}@${d}`, format],
  [`ubuntu@${d}:tag`, format],
  [`ubuntu@${d}/x`, format],
  ['ubuntu@sha256:../../etc/passwd', format],
  [`ubuntu@sha256:${'a'.repeat(63)}`, 'invalid checksum digest length'],
  [`ubuntu@sha256:${'a'.repeat(65)}`, 'invalid checksum digest length'],
  [`ubuntu@sha512:${'a'.repeat(64)}`, 'invalid checksum digest length'],
  [`ubuntu@sha256:${'A'.repeat(64)}`, 'invalid checksum digest format'],
  [`ubuntu@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm'],
  [`ubuntu@x+y:${'a'.repeat(64)}`, 'unsupported digest algorithm'],
  ['Ubuntu', `${format}: repository name (library/Ubuntu) must be lowercase`],
  ['BAD', `${format}: repository name (library/BAD) must be lowercase`],
  ['BAD:tag', `${format}: repository name (library/BAD) must be lowercase`],
  ['foo/Bar', `${format}: repository name (foo/Bar) must be lowercase`],
  ['h.io/a/B:c', `${format}: repository name (a/B) must be lowercase`],
  ['Foo/Bar', `${format}: repository name (Bar) must be lowercase`],
  [`Ubuntu@${d}`, `${format}: repository name (library/Ubuntu@sha256) must be lowercase`],
  ['\u001b[31mÉ', `${format}: repository name (library/\\x1b[31mÉ) must be lowercase`],
  ['ünïcode/x', format],
  ['☃.com/x', format],
  ['foo☃', format],
  [hex64, `invalid repository name (${hex64}), cannot specify 64-byte hexadecimal strings`],
  [`h.io/${'a'.repeat(256)}`, 'repository name must not be more than 255 characters'],
  ['a'.repeat(248), 'repository name must not be more than 255 characters'],
  [`${'a'.repeat(200_000)}`, 'repository name must not be more than 255 characters'],
  [`${'a-'.repeat(100_000)}`, 'repository name must not be more than 255 characters'],
];

test('names that Docker accepts', async (t) => {
  for (const [text, domain, path, tag, digest, familiar] of accepted) {
    await t.test(text.slice(0, 80), () => {
      if (tag === 'refuse') {
        assert.throws(() => parseReference(text), new KnownError('E_REFERENCE', format));
        return;
      }
      const reference = parseReference(text);
      assert.deepEqual(reference, { domain, path, tag, digest });
      assert.equal(familiarString(reference), familiar ?? text);
      assert.equal(canonicalName(reference), `${domain}/${path}`);
      const ends = `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
      assert.equal(canonicalString(reference), `${domain}/${path}${ends}`);
      // Every printed form reads back as the same name.
      assert.deepEqual(parseReference(canonicalString(reference)), reference);
      if (!/^[a-f0-9]{64}$/.test(familiarString(reference)))
        assert.deepEqual(parseReference(familiarString(reference)), reference);
    });
  }
});

test('names that Docker refuses, with its words', async (t) => {
  for (const [text, message] of refused) {
    await t.test(JSON.stringify(text.slice(0, 80)), () => {
      if (message === '') {
        // A host alone is a name of one part.
        assert.equal(parseReference(text).path, `library/${text}`);
        return;
      }
      assert.throws(
        () => parseReference(text),
        (error) => error instanceof KnownError && error.code === 'E_REFERENCE' && error.message === message,
      );
    });
  }
});

test('a missing tag is latest, unless there is a digest', () => {
  assert.equal(canonicalString(withDefaultTag(parseReference('ubuntu'))), 'docker.io/library/ubuntu:latest');
  assert.equal(withDefaultTag(parseReference('ubuntu:1')).tag, '1');
  assert.equal(withDefaultTag(parseReference(`ubuntu@${d}`)).tag, undefined);
});

test('familiar names', () => {
  assert.equal(familiarName(parseReference('docker.io/library/ubuntu:1')), 'ubuntu');
  assert.equal(familiarName(parseReference('docker.io/foo/bar')), 'foo/bar');
  assert.equal(familiarName(parseReference(`host:5000/x@${d}`)), 'host:5000/x');
});

test('scratch is reserved on Docker Hub only', () => {
  assert.throws(() => refuseReservedName(parseReference('scratch:1')), { message: "'scratch' is a reserved name" });
  refuseReservedName(parseReference('localhost/scratch'));
  refuseReservedName(parseReference('foo/scratch'));
});
