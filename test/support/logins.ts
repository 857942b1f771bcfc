import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { tempDir } from './temp.js';

/** An environment in which `docker login` has stored something: the entry of each host. */
export function loggedIn(t: TestContext, auths: Record<string, object>, rest: object = {}): NodeJS.ProcessEnv {
  const folder = tempDir(t);
  writeFileSync(`${folder}/config.json`, JSON.stringify({ auths, ...rest }));
  return { HOME: '/nonexistent', DOCKER_CONFIG: folder, PATH: process.env['PATH'] };
}

export function userEntry(user: string, password: string): object {
  return { auth: Buffer.from(`${user}:${password}`).toString('base64') };
}
