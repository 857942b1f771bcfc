/**
 * Image names as Docker reads them: the grammar of the distribution project's `reference` package and the rules by
 * which short names get their registry and namespace.
 */
import { KnownError } from '../store/errors.js';
import { type Digest, isDigest } from '../store/oci/digest.js';
import { printable } from '../store/printable.js';

/** A fully qualified name. `tag` and `digest` may both be there; a pull then goes by the digest. */
export interface Reference {
  /** `docker.io`, `localhost:5000`, `[::1]:5000` */
  readonly domain: string;
  /** `library/ubuntu` */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const defaultDomain = 'docker.io';
const legacyDefaultDomain = 'index.docker.io';
const officialPrefix = 'library/';
const maxPathLength = 255;
/** Longest domain, path, tag and digest with room to spare: bounds the work of the patterns. */
const maxLength = 4096;

const domainLabel = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const host = `(?:${domainLabel}(?:\\.${domainLabel})*|\\[[a-fA-F0-9:]+\\])`;
const pathPart = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*';
const nameGrammar = `(?:${host}(?::[0-9]+)?/)?${pathPart}(?:/${pathPart})*`;
const digestGrammar = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';

const referencePattern = new RegExp(`^(${nameGrammar})(?::([\\w][\\w.-]{0,127}))?(?:@(${digestGrammar}))?$`);
const nameParts = new RegExp(`^(?:(${host}(?::[0-9]+)?)/)?(${pathPart}(?:/${pathPart})*)$`);
const identifier = /^[a-f0-9]{64}$/;

/**
 * Parses what a user types: `ubuntu`, `foo/bar:1`, `host:5000/x@sha256:…`. The domain and `library/` are filled in,
 * a missing tag is not (see {@link withDefaultTag}).
 *
 * @throws KnownError `E_REFERENCE` with Docker's own text.
 */
export function parseReference(text: string): Reference {
  if (identifier.test(text))
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const [domain, remainder] = splitDomain(text);
  const colon = remainder.indexOf(':');
  const remotePath = colon === -1 ? remainder : remainder.slice(0, colon);
  if (remotePath.toLowerCase() !== remotePath)
    throw invalid(`invalid reference format: repository name (${printable(remotePath, 300)}) must be lowercase`);
  return parseQualified(`${domain}/${remainder}`);
}

function parseQualified(text: string): Reference {
  if (text.length > maxLength) throw tooLong();
  const [, name, tag, digest] = referencePattern.exec(text) ?? [];
  if (name === undefined) {
    const lowerCase = referencePattern.test(text.toLowerCase());
    throw invalid(`invalid reference format${lowerCase ? ': repository name must be lowercase' : ''}`);
  }
  const [, domain, path] = nameParts.exec(name) ?? [];
  if (domain === undefined || path === undefined) throw invalid('invalid reference format');
  if (path.length > maxPathLength) throw tooLong();
  return { domain, path, tag, digest: digest === undefined ? undefined : referenceDigest(digest) };
}

/** The grammar lets any algorithm and length through; the texts are those of Go's digest package. */
function referenceDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const digits = { sha256: 64, sha512: 128 }[text.slice(0, text.indexOf(':'))];
  if (digits === undefined) throw invalid('unsupported digest algorithm');
  const wrongLength = text.length - text.indexOf(':') - 1 !== digits;
  throw invalid(`invalid checksum digest ${wrongLength ? 'length' : 'format'}`);
}

/** The first part is a host when it cannot be a namespace: it has a dot, a colon or a capital, or is `localhost`. */
export function namesDomain(text: string): boolean {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(0, slash));
  return slash !== -1 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
}

function splitDomain(text: string): [domain: string, remainder: string] {
  const slash = namesDomain(text) ? text.indexOf('/') : -1;
  let domain = slash === -1 ? defaultDomain : text.slice(0, slash);
  let remainder = text.slice(slash + 1);
  if (domain === legacyDefaultDomain) domain = defaultDomain;
  if (domain === defaultDomain && !remainder.includes('/')) remainder = officialPrefix + remainder;
  return [domain, remainder];
}

/** The same name with `:latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: 'latest' };
}

/** The name as people write it: `ubuntu`, `foo/bar`, `host:5000/x`. */
export function familiarName({ domain, path }: Reference): string {
  if (domain !== defaultDomain) return `${domain}/${path}`;
  // `library/a/b` keeps its prefix: without it the name would mean the namespace `a`.
  if (path.startsWith(officialPrefix) && !path.slice(officialPrefix.length).includes('/'))
    return path.slice(officialPrefix.length);
  return path;
}

/** {@link familiarName} with tag and digest. */
export function familiarString(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

/** `docker.io/library/ubuntu` */
export function canonicalName({ domain, path }: Reference): string {
  return `${domain}/${path}`;
}

/** {@link canonicalName} with tag and digest: the last line of `docker pull`. */
export function canonicalString(reference: Reference): string {
  return canonicalName(reference) + suffix(reference);
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** @throws KnownError `E_REFERENCE` for the one name that Dockerfiles use for "no base image". */
export function refuseReservedName(reference: Reference): void {
  if (familiarName(reference) === 'scratch') throw invalid("'scratch' is a reserved name");
}

function tooLong(): KnownError {
  return invalid(`repository name must not be more than ${maxPathLength} characters`);
}

function invalid(message: string): KnownError {
  return new KnownError('E_REFERENCE', message);
}
