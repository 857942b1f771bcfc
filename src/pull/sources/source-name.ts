/** Where images come from, as skopeo and podman write it: containers-transports(5). */
import { KnownError } from '../../../store/errors.js';

export type Source = RegistrySource | ArchiveSource | DaemonSource;

export interface RegistrySource {
  readonly kind: 'registry';
  /** To be parsed as a reference. */
  readonly name: string;
}

export interface ArchiveSource {
  /** `archive`: a docker-archive or an oci-archive, whatever it turns out to be. */
  readonly kind: 'docker-archive' | 'oci-archive' | 'oci' | 'archive';
  /** A file, `-` for standard input, or with `oci` a directory. */
  readonly path: string;
  readonly wish: ImageWish | undefined;
}

export interface DaemonSource {
  readonly kind: 'docker-daemon';
  /** A reference, or `sha256:` with the digits of an image id. */
  readonly name: string;
}

/** Which of several images is meant: by name, or by its place from 0 on. */
export type ImageWish = { readonly name: string } | { readonly place: number };

const pattern = /^(?:(docker-archive|oci-archive|oci|docker-daemon):|docker:\/\/)(.*)$/s;

/**
 * A name without one of the known prefixes is that of an image in a registry; so is what follows `docker://`.
 *
 * @throws KnownError E_USAGE
 */
export function parseSource(text: string): Source {
  const match = pattern.exec(text);
  if (match === null) return { kind: 'registry', name: text };
  const [, kind, rest = ''] = match;
  if (kind === undefined) return { kind: 'registry', name: rest };
  if (kind === 'docker-daemon') return { kind, name: rest };
  // The path ends at the first colon, as with the other programs.
  const [, path = '', wish] = /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
  if (path === '')
    throw new KnownError('E_USAGE', `${kind}: needs a path`, { hint: `write ${kind}:PATH or ${kind}:PATH:NAME` });
  return { kind: kind as ArchiveSource['kind'], path, wish: parseWish(wish) };
}

function parseWish(text: string | undefined): ImageWish | undefined {
  if (text === undefined || text === '') return undefined;
  if (!text.startsWith('@')) return { name: text };
  if (/^@\d{1,6}$/.test(text)) return { place: Number(text.slice(1)) };
  throw new KnownError('E_USAGE', `${JSON.stringify(text.slice(0, 50))} is no place of an image in an archive`, {
    hint: 'write :@0 for the first image, :@1 for the second',
  });
}
