/** All tests of the virtual machine as one program: each start of Node costs more there than most of them. */
import './run.js';
import './limits.js';
import './memory.js';
import './processes.js';
import './devices.js';
import './disk.js';
import './life.js';
import './runtimes.js';
import './apparmor.js';
import './surroundings.js';
import './clock.js';
