/** A system call policy in the format of Docker's `--security-opt seccomp=FILE`. */
import { KnownError } from '../../../store/errors.js';

export type Comparison =
  | 'SCMP_CMP_NE'
  | 'SCMP_CMP_LT'
  | 'SCMP_CMP_LE'
  | 'SCMP_CMP_EQ'
  | 'SCMP_CMP_GE'
  | 'SCMP_CMP_GT'
  | 'SCMP_CMP_MASKED_EQ';

export interface ArgumentTest {
  /** Which argument, 0 to 5. */
  index: number;
  op: Comparison;
  /** Compared with the argument; for MASKED_EQ the mask. Of 64 bits: decimal digits where a number would be rounded. */
  value: number | string;
  /** For MASKED_EQ what must be left under the mask. */
  valueTwo?: number | string;
}

interface Condition {
  caps?: string[];
  arches?: string[];
  /** `4.8` */
  minKernel?: string;
}

export interface SeccompRule {
  names: string[];
  action: string;
  errnoRet?: number;
  /** All must hold. */
  args?: ArgumentTest[] | null;
  includes?: Condition;
  excludes?: Condition;
}

export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  syscalls: SeccompRule[];
}

export interface Circumstances {
  /** Names of the container's capabilities. */
  capabilities: (name: string) => boolean;
  /** As Go calls it. */
  architecture: 'amd64' | 'arm64';
  /** `6.1.0-18-amd64` */
  kernel: string;
}

/** The rules that hold for a container. */
export function applicableRules(profile: SeccompProfile, about: Circumstances): SeccompRule[] {
  return profile.syscalls.filter(({ includes, excludes }) => {
    if (includes?.arches?.length && !includes.arches.includes(about.architecture)) return false;
    if (includes?.caps?.length && !includes.caps.every(about.capabilities)) return false;
    if (includes?.minKernel && !isAtLeast(about.kernel, includes.minKernel)) return false;
    if (excludes?.arches?.includes(about.architecture)) return false;
    if (excludes?.caps?.some(about.capabilities)) return false;
    return !(excludes?.minKernel && isAtLeast(about.kernel, excludes.minKernel));
  });
}

function isAtLeast(kernel: string, wanted: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** Old profiles have one `name` a rule. */
type LooseRule = Omit<SeccompRule, 'names'> & { names?: string[]; name?: string };

/** @throws KnownError E_USAGE when the text is no profile */
export function parseProfile(text: string): SeccompProfile {
  let document: unknown;
  try {
    document = JSON.parse(text.replaceAll(/("value(?:Two)?"\s*:\s*)(\d{16,20})(?=[\s,}])/g, '$1"$2"'));
  } catch (cause) {
    throw invalid('it is not JSON', cause);
  }
  if (typeof document !== 'object' || document === null || !('defaultAction' in document))
    throw invalid('it has no defaultAction');
  const profile = document as Omit<SeccompProfile, 'syscalls'> & { syscalls?: LooseRule[] | null };
  const syscalls = (profile.syscalls ?? []).map((rule) => {
    const names = rule.names ?? (rule.name === undefined ? undefined : [rule.name]);
    if (!Array.isArray(names) || names.length === 0) throw invalid('a rule names no system call');
    return { ...rule, names };
  });
  return { ...profile, syscalls };
}

export function invalid(reason: string, cause?: unknown): KnownError {
  return new KnownError('E_USAGE', `Decoding seccomp profile failed: ${reason}`, { cause, exitCode: 125 });
}
