import { test } from 'node:test';
import { dockerdNeeds } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { runCases } from './cases/run.js';
import { playAll } from './play.js';

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

test('flags of run do what they do with docker', { skip, timeout: 300_000 }, (t) => playAll(t, [], runCases));
