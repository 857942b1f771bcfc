import { test } from 'node:test';
import { dockerdNeeds } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { lifeCases } from './cases/life.js';
import { playAll } from './play.js';

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

test('the life of containers is as with docker', { skip, timeout: 300_000 }, (t) => playAll(t, [], lifeCases));
