/** What libseccomp, which the OCI runtimes use, makes of a policy: a filter for one architecture. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArgumentTest, Comparison, SeccompRule } from '../../../../src/run/seccomp/profile.js';
import { cstring, type NativeFunction, openLibrary } from '../../../../store/linux/libc.js';

const library = openLibrary('libseccomp.so.2');
export const hasLibrary = library !== undefined;

const bind = (prototype: string): NativeFunction => library?.func(prototype) as unknown as NativeFunction;
const init = bind('uintptr_t seccomp_init(uint32_t)');
const release = bind('void seccomp_release(uintptr_t)');
const addArchitecture = bind('int seccomp_arch_add(uintptr_t, uint32_t)');
const removeArchitecture = bind('int seccomp_arch_remove(uintptr_t, uint32_t)');
const resolveName = bind('int seccomp_syscall_resolve_name(const void *)');
const addRule = bind('int seccomp_rule_add_array(uintptr_t, uint32_t, int, uint, const void *)');
const exportFilter = bind('int seccomp_export_bpf(uintptr_t, int)');

/** seccomp.h */
const operators: Record<Comparison, number> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};
const NATIVE = process.arch === 'arm64' ? 0xc00000b7 : 0xc000003e;
const NO_SUCH_CALL = -1;

function struct({ index, op, value, valueTwo = 0 }: ArgumentTest): Buffer {
  const bytes = Buffer.alloc(24); // struct scmp_arg_cmp
  bytes.writeUInt32LE(index, 0);
  bytes.writeUInt32LE(operators[op], 4);
  bytes.writeBigUInt64LE(BigInt(value), 8);
  bytes.writeBigUInt64LE(BigInt(valueTwo), 16);
  return bytes;
}

function must(result: number, what: string): void {
  if (result < 0) throw new Error(`libseccomp: ${what}: ${result}`);
}

/**
 * @param architecture AUDIT_ARCH_ of linux/audit.h
 * @returns the filter, and the calls of the rules that the library does not know
 */
export function libseccompFilter(
  architecture: number,
  fallback: number,
  rules: readonly (SeccompRule & { value: number })[],
): { filter: Buffer; unknown: Set<string> } {
  const context = init(fallback);
  const folder = mkdtempSync(join(tmpdir(), 'tspull-libseccomp-'));
  const unknown = new Set<string>();
  try {
    if (architecture !== NATIVE) {
      must(addArchitecture(context, architecture), 'arch_add');
      must(removeArchitecture(context, NATIVE), 'arch_remove');
    }
    for (const { names, args, value } of rules)
      for (const name of names) {
        const number = resolveName(cstring(name));
        if (number === NO_SUCH_CALL) unknown.add(name);
        else {
          const tests = Buffer.concat((args ?? []).map(struct));
          must(addRule(context, value, number, args?.length ?? 0, tests), `rule for ${name}`);
        }
      }
    const path = join(folder, 'filter');
    const fd = openSync(path, 'w');
    must(exportFilter(context, fd), 'export');
    closeSync(fd);
    return { filter: readFileSync(path), unknown };
  } finally {
    release(context);
    rmSync(folder, { recursive: true });
  }
}
