/** Platforms, and the choice of an image from an index by the rules of containerd's `platforms` package, as Docker's. */
import { readFileSync } from 'node:fs';
import { endianness, machine } from 'node:os';
import { KnownError } from '../errors.js';
import { printable } from '../printable.js';
import type { Descriptor } from './descriptor.js';
import type { Index } from './manifest.js';

/** image-spec image-index.md, "platform": words of Go's GOOS and GOARCH. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | undefined;
  readonly osVersion: string | undefined;
}

/** How many indexes may stand above a manifest. */
export const maxIndexDepth = 3;

const part = /^[A-Za-z0-9_.-]+$/;
const operatingSystems: ReadonlySet<string> = new Set([
  ...['aix', 'android', 'darwin', 'dragonfly', 'freebsd', 'illumos', 'ios', 'js', 'linux', 'netbsd', 'openbsd'],
  ...['plan9', 'solaris', 'windows', 'macos'],
]);
const architectures: ReadonlySet<string> = new Set([
  ...['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips', 'mipsle', 'mips64', 'mips64le', 'ppc64', 'ppc64le'],
  ...['riscv64', 's390x', 'wasm'],
]);
const otherNames: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ['i386', ['386']],
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
]);

/**
 * Reads `linux/arm/v7`, `linux/amd64`, `arm64` or `linux`; what is missing is the host's.
 *
 * @throws KnownError `E_PLATFORM`
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/').map((item) => item.toLowerCase());
  const [first = '', second, variant] = parts;
  if (parts.length > 3 || !parts.every((item) => part.test(item)))
    throw new KnownError('E_PLATFORM', `"${printable(text, 100)}" is not a platform`, {
      hint: 'write operating system, architecture and maybe variant, such as linux/amd64 or linux/arm/v7',
    });
  if (second !== undefined) return normalize({ os: first, architecture: second, variant, osVersion: undefined });
  if (operatingSystems.has(first)) return normalize({ ...hostPlatform(), os: first });
  const alone = normalize({ os: 'linux', architecture: first, variant: undefined, osVersion: undefined });
  if (architectures.has(alone.architecture)) return alone;
  throw new KnownError('E_PLATFORM', `"${printable(text, 100)}" is neither an operating system nor an architecture`);
}

/** `linux/arm/v7` */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** One spelling for each platform: `linux/aarch64` and `linux/arm64/v8` are `linux/arm64`. */
export function normalize(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === 'macos' ? 'darwin' : platform.os.toLowerCase();
  const [architecture, impliedVariant] = otherNames.get(platform.architecture.toLowerCase()) ?? [
    platform.architecture.toLowerCase(),
  ];
  const variant = normalizeVariant(architecture, platform.variant?.toLowerCase() || impliedVariant);
  return { os, architecture, variant, osVersion: platform.osVersion };
}

function normalizeVariant(architecture: string, variant: string | undefined): string | undefined {
  const named = variant !== undefined && /^[0-9]/.test(variant) ? `v${variant}` : variant;
  if (architecture === 'amd64') return named === 'v1' ? undefined : named;
  if (architecture === 'arm64') return named === 'v8' || named === 'v8.0' ? undefined : named;
  if (architecture === 'arm') return named ?? 'v7';
  return named;
}

/** The platform whose images run here. */
export function hostPlatform(): Platform {
  const names: Partial<Record<NodeJS.Architecture, string>> = {
    x64: 'amd64',
    ia32: '386',
    mipsel: 'mipsle',
    ppc64: endianness() === 'LE' ? 'ppc64le' : 'ppc64',
  };
  const architecture = names[process.arch] ?? process.arch;
  const variant = architecture === 'arm' ? armVariant(machine()) : undefined;
  return normalize({ os: 'linux', architecture, variant, osVersion: undefined });
}

/** uname says `armv6l`, `armv7l`, or `aarch64` when a 32-bit program runs on a 64-bit kernel. */
export function armVariant(unameMachine: string): string {
  if (unameMachine === 'aarch64') return 'v8';
  const version = /^armv([5-8])/.exec(unameMachine)?.[1] ?? /^CPU architecture\s*:\s*([5-8])/m.exec(cpuInfo())?.[1];
  return `v${version ?? '7'}`;
}

function cpuInfo(): string {
  return readFileSync('/proc/cpuinfo', 'latin1');
}

/** `wanted` and what also runs on it, the best first. */
export function compatiblePlatforms(wanted: Platform): Platform[] {
  const best = normalize(wanted);
  // Real ones have one digit; a long number must not become a long list.
  const version = Number(/^v([1-9])$/.exec(best.variant ?? '')?.[1] ?? 1);
  const older = (from: number, to: number) =>
    Array.from({ length: Math.max(0, from - to) }, (_, i) => normalize({ ...best, variant: `v${from - 1 - i}` }));
  if (best.architecture === 'amd64')
    return [best, ...older(version, 1), { ...best, architecture: '386', variant: undefined }];
  if (best.architecture === 'arm') return [best, ...older(version, 5)];
  if (best.architecture === 'arm64') {
    const arm = compatiblePlatforms({ ...best, architecture: 'arm', variant: 'v8' });
    const plain = best.variant === undefined ? [] : [{ ...best, variant: undefined }];
    return [best, ...plain, ...arm];
  }
  return [best];
}

/** Whether what a config says of itself fits the platform; a config that leaves the variant out fits any. */
export function fits(wanted: Platform, image: Pick<Platform, 'os' | 'architecture' | 'variant'>): boolean {
  if (image.architecture === '') return true;
  const offered = normalize({ ...image, os: image.os || 'linux', osVersion: undefined });
  const [exact] = compatiblePlatforms(wanted);
  if (image.variant === undefined && exact?.os === offered.os && exact.architecture === offered.architecture)
    return true;
  return compatiblePlatforms(wanted).some((candidate) => matches({ ...candidate, osVersion: undefined }, offered));
}

/**
 * The entry of an index for a platform: the closest match, then the first one; entries without a platform come last.
 *
 * @throws KnownError `E_PLATFORM` in Docker's words.
 */
export function selectFromIndex(index: Index, wanted: Platform = hostPlatform()): Descriptor {
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  for (const candidate of compatiblePlatforms(wanted)) {
    const found = images.find((entry) => entry.platform !== undefined && matches(candidate, normalize(entry.platform)));
    if (found !== undefined) return found;
  }
  const unnamed = images.find((entry) => entry.platform === undefined);
  if (unnamed !== undefined) return unnamed;
  throw new KnownError(
    'E_PLATFORM',
    `no matching manifest for ${printable(formatPlatform(wanted), 100)} in the manifest list entries`,
    images.length === 0 ? {} : { hint: `it has ${listPlatforms(images)}` },
  );
}

/** BuildKit puts provenance and SBOM documents beside the images. */
function isAttestation({ platform, annotations }: Descriptor): boolean {
  if (Object.hasOwn(annotations, 'vnd.docker.reference.type')) return true;
  return platform?.os === 'unknown' && platform.architecture === 'unknown';
}

function matches(wanted: Platform, offered: Platform): boolean {
  return (
    wanted.os === offered.os &&
    wanted.architecture === offered.architecture &&
    wanted.variant === offered.variant &&
    (wanted.osVersion === undefined || wanted.osVersion === offered.osVersion)
  );
}

function listPlatforms(images: readonly Descriptor[]): string {
  const names = images.map(({ platform }) => (platform === undefined ? '' : formatPlatform(platform)));
  return printable([...new Set(names)].join(', '), 300);
}
