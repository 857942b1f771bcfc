/** Who a container runs as: `user[:group]` resolved with the passwd(5) and group(5) files of its root. */
import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';

export interface Identity {
  uid: number;
  gid: number;
  /** All groups of the process, the primary one among them. */
  groups: number[];
  home: string;
}

interface UserRequest {
  /** `name|uid[:group|gid]`; empty for root. */
  user: string;
  groupAdd: readonly string[];
  /** The texts of /etc/passwd and /etc/group, empty when there are none. */
  passwd: string;
  group: string;
}

const LARGEST = 2147483647;
/** NGROUPS_MAX of linux/limits.h. */
const MOST_GROUPS = 65536;

/** @throws KnownError E_RUN for a name that the files do not have, or a number out of range */
export function resolveUser(request: UserRequest): Identity {
  const [userPart = '', ...rest] = request.user.split(':');
  const groupPart = rest.join(':');
  const groups = parseGroups(request.group);
  const entry = findUser(userPart, request.passwd);
  const wantedUid = userPart === '' ? 0 : asNumber(userPart);
  if (entry === undefined && wantedUid === undefined)
    throw failure(`unable to find user ${printable(userPart)}: no matching entries in passwd file`);
  const uid = entry?.uid ?? wantedUid ?? 0;
  const gid = groupPart === '' ? (entry?.gid ?? 0) : findGroup(groupPart, groups);
  const listed =
    groupPart === '' && entry !== undefined ? groups.filter(({ members }) => members.includes(entry.name)) : [];
  const extra = request.groupAdd.map((name) => findGroup(name, groups));
  const all = [...new Set([gid, ...listed.map((item) => item.gid), ...extra])];
  if (all.length > MOST_GROUPS) throw failure(`the user is in ${all.length} groups, the kernel allows ${MOST_GROUPS}`);
  return { uid: inRange(uid), gid: inRange(gid), groups: all.map(inRange), home: entry?.home || '/' };
}

/** A name made of digits is always a number, so that a passwd file cannot turn it into another user. */
function asNumber(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) ? inRange(Number(text)) : undefined;
}

function inRange(id: number): number {
  if (id >= 0 && id <= LARGEST) return id;
  throw failure(`uids and gids must be in range 0-${LARGEST}`);
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

function findUser(user: string, passwd: string): PasswdEntry | undefined {
  const number = user === '' ? 0 : asNumber(user);
  for (const line of lines(passwd)) {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':');
    if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue;
    if (number === undefined ? name === user : Number(uid) === number)
      return { name, uid: Number(uid), gid: Number(gid), home };
  }
  return undefined;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

function parseGroups(text: string): GroupEntry[] {
  return lines(text).flatMap((line) => {
    const [name = '', , gid = '', members = ''] = line.split(':');
    return /^\d+$/.test(gid) ? [{ name, gid: Number(gid), members: members.split(',') }] : [];
  });
}

function findGroup(group: string, groups: readonly GroupEntry[]): number {
  const number = asNumber(group);
  if (number !== undefined) return number;
  const entry = groups.find(({ name }) => name === group);
  if (entry === undefined) throw failure(`unable to find group ${printable(group)}: no matching entries in group file`);
  return entry.gid;
}

function lines(text: string): string[] {
  return text.split('\n').map((line) => line.trim());
}

function failure(message: string): KnownError {
  return new KnownError('E_RUN', message, { exitCode: 125 });
}
