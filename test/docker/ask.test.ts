import { test } from 'node:test';
import { dockerdNeeds } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { askCases, standing } from './cases/ask.js';
import { playAll } from './play.js';

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

test('answers about containers are those of docker', { skip, timeout: 300_000 }, (t) => playAll(t, standing, askCases));
