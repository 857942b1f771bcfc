import { test } from 'node:test';
import { dockerdNeeds } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { filesCases, standing } from './cases/files.js';
import { playAll } from './play.js';

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

test('volumes, copies and commands in containers are as with docker', { skip, timeout: 300_000 }, (t) =>
  playAll(t, standing, filesCases),
);
