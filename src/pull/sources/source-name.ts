/** Where images come from, as skopeo and podman write it: containers-transports(5). */
import { KnownError } from '../../../store/errors.js';

export type Source = RegistrySource | LocalSource;

export type LocalSource = ArchiveSource | DaemonSource | ContainersStorageSource | DataRootSource;

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

export interface ContainersStorageSource {
  readonly kind: 'containers-storage';
  /** `[DRIVER@GRAPHROOT+RUNROOT]`: each undefined where it was not given. */
  readonly driver: string | undefined;
  readonly graphRoot: string | undefined;
  /** A reference, or an id or the start of one. */
  readonly name: string;
}

export interface DataRootSource {
  readonly kind: 'data-root';
  readonly path: string;
  /** A reference or an id; undefined for all images with a tag. */
  readonly wish: string | undefined;
}

/** Which of several images is meant: by name, or by its place from 0 on. */
export type ImageWish = { readonly name: string } | { readonly place: number };

const pattern = /^(?:(docker-archive|oci-archive|oci|docker-daemon|containers-storage|data-root):|docker:\/\/)(.*)$/s;

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
  if (kind === 'containers-storage') return parseContainersStorage(rest);
  // The path ends at the first colon, as with the other programs.
  const [, path = '', wish] = /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
  if (path === '')
    throw new KnownError('E_USAGE', `${kind}: needs a path`, { hint: `write ${kind}:PATH or ${kind}:PATH:NAME` });
  if (kind === 'data-root') return { kind, path, wish: wish || undefined };
  return { kind: kind as ArchiveSource['kind'], path, wish: parseWish(wish) };
}

/** A store specifier of containers/storage; where it keeps what lasts for a boot, and its options, are no matter here. */
function parseContainersStorage(rest: string): ContainersStorageSource {
  const [, driver, graphRoot, name = ''] =
    /^(?:\[(?:([a-z0-9]+)@)?([^\]+:]*)(?:[+:][^\]]*)?\])?(.*)$/s.exec(rest) ?? [];
  if (name === '' || name.startsWith('['))
    throw new KnownError('E_USAGE', 'containers-storage: needs the name of an image', {
      hint: 'write containers-storage:NAME or containers-storage:[overlay@GRAPHROOT+RUNROOT]NAME',
    });
  return { kind: 'containers-storage', driver, graphRoot: graphRoot || undefined, name };
}

function parseWish(text: string | undefined): ImageWish | undefined {
  if (text === undefined || text === '') return undefined;
  if (!text.startsWith('@')) return { name: text };
  if (/^@\d{1,6}$/.test(text)) return { place: Number(text.slice(1)) };
  throw new KnownError('E_USAGE', `${JSON.stringify(text.slice(0, 50))} is no place of an image in an archive`, {
    hint: 'write :@0 for the first image, :@1 for the second',
  });
}
