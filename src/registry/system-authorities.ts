/** The certificate authorities of this system, from the places that Go programs look at (crypto/x509, root_linux.go). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../store/errors.js';
import { type Certificates, certificatesIn } from './pem.js';

/** Values of environment variables that replace the usual places. */
export interface AuthorityPlaces {
  /** SSL_CERT_FILE */
  readonly file: string | undefined;
  /** SSL_CERT_DIR: folders, with colons between them */
  readonly folders: string | undefined;
}

const files = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Gentoo, Arch
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL 6
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/pki/tls/cacert.pem', // OpenELEC
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // CentOS, RHEL 7
  '/etc/ssl/cert.pem', // Alpine
];
const folders = ['/etc/ssl/certs', '/etc/pki/tls/certs'];

const read = new Map<string, Certificates>();

/** Reads each place once in a thread: the files change with an update of the system, not during a pull. */
function once(place: string, load: () => Certificates): Certificates {
  const known = read.get(place) ?? load();
  read.set(place, known);
  return known;
}

/** The first file that can be read. */
export function bundledAuthorities({ file }: AuthorityPlaces): Certificates {
  return once(`file ${file}`, () => {
    for (const path of file === undefined ? files : [file]) {
      const text = readText(path);
      if (text !== undefined) return certificatesIn(text);
    }
    return new Map();
  });
}

/** All files of the folders. On most systems they hold what the bundle has, in ten times as many reads. */
export function looseAuthorities(places: AuthorityPlaces): Certificates {
  return once(`folders ${places.folders}`, () => {
    const found = new Map<string, string>();
    for (const folder of places.folders === undefined ? folders : places.folders.split(':'))
      for (const path of filesIn(folder))
        for (const [key, text] of certificatesIn(readText(path) ?? '')) found.set(key, text);
    return found;
  });
}

/** Links within the folder are other names of the same files: OpenSSL looks them up by hashes. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isSymbolicLink() || readlinkSync(join(folder, entry.name)).includes('/'))
      .map((entry) => join(folder, entry.name));
  } catch (error) {
    if (isErrno(error, ...unreadable)) return [];
    throw error;
  }
}

const unreadable = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL'];

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (isErrno(error, ...unreadable)) return undefined;
    throw error;
  }
}
