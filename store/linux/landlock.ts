/**
 * Landlock (landlock(7)): a thread gives up, for ever and for all threads and processes it starts, the right to change files outside some
 * folders. A second wall behind careful path handling.
 */
import { closeSync, openSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { O_PATH } from './flags.js';
import { bind, check } from './libc.js';

const cCreateRuleset = bind('long syscall(long, const void *, size_t, uint)');
const cAddRule = bind('long syscall(long, int, int, const void *, uint)');
const cRestrictSelf = bind('long syscall(long, int, uint)');
const cPrctl = bind('int prctl(int, ulong, ulong, ulong, ulong)');

/** The same on every architecture. */
const SYS_landlock_create_ruleset = 444;
const SYS_landlock_add_rule = 445;
const SYS_landlock_restrict_self = 446;
// linux/landlock.h
const LANDLOCK_CREATE_RULESET_VERSION = 1;
const LANDLOCK_RULE_PATH_BENEATH = 1;
/** WRITE_FILE; REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, _DIR, _REG, _SOCK, _FIFO, _BLOCK, _SYM; REFER (links and renames between folders). */
const CHANGES = (1 << 1) | (0b111111111 << 4) | (1 << 13);
const TRUNCATE = 1 << 14;
const PR_SET_NO_NEW_PRIVS = 38;

/** Before, files could not be linked or moved between folders at all. */
const FIRST_USABLE = 2;
const FIRST_WITH_TRUNCATE = 3;

/**
 * From now on this thread changes files below `folders` only. Open files stay as they are. Threads that libuv starts later must not be
 * the first ones: they would be confined as well.
 *
 * @returns whether the kernel can
 */
export function confineChanges(folders: readonly string[]): boolean {
  const version = Number(cCreateRuleset(SYS_landlock_create_ruleset, null, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (version < FIRST_USABLE) return false;
  const access = CHANGES | (version >= FIRST_WITH_TRUNCATE ? TRUNCATE : 0);
  const attributes = Buffer.alloc(8); // struct landlock_ruleset_attr, its first field
  attributes.writeBigUInt64LE(BigInt(access));
  const ruleset = Number(
    check(Number(cCreateRuleset(SYS_landlock_create_ruleset, attributes, 8, 0)), 'landlock_create_ruleset'),
  );
  try {
    for (const folder of folders) allow(ruleset, folder, access);
    // What an ordinary user must promise; it starts no program in this thread.
    check(cPrctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl', 'PR_SET_NO_NEW_PRIVS');
    check(Number(cRestrictSelf(SYS_landlock_restrict_self, ruleset, 0)), 'landlock_restrict_self');
    return true;
  } catch (error) {
    // A filter around this process, or too many walls already.
    if (isErrno(error, 'ENOSYS', 'EPERM', 'E2BIG')) return false;
    throw error;
  } finally {
    closeSync(ruleset);
  }
}

function allow(ruleset: number, folder: string, access: number): void {
  const fd = openSync(folder, O_PATH);
  try {
    const rule = Buffer.alloc(12); // struct landlock_path_beneath_attr, packed
    rule.writeBigUInt64LE(BigInt(access), 0);
    rule.writeInt32LE(fd, 8);
    check(
      Number(cAddRule(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0)),
      'landlock_add_rule',
      folder,
    );
  } finally {
    closeSync(fd);
  }
}
