/**
 * `--init`: the container's first process stays what it is, hands signals on to the command and reaps the orphans that the
 * kernel gives it, until the command ends.
 */
import type { Program, Slot } from '../stage2/program.js';
import * as c from './constants.js';

/** What follows in the program is done by the command's process. */
export function addInit(program: Program, tty: boolean): void {
  const all = program.bytes(Buffer.alloc(c.SIGSET_SIZE, 0xff));
  const none = program.bytes(Buffer.alloc(c.SIGSET_SIZE));
  const child = program.slot();
  const command = program.label();
  program.call('rt_sigprocmask', [c.SIG_SETMASK, all, 0, c.SIGSET_SIZE]);
  program.call('clone', [c.SIGCHLD], 'the command', { save: child, onZero: command });
  program.call('close_range', [0, c.LAST_DESCRIPTOR, 0]);
  addReaper(program, all, child);
  program.mark(command);
  // A process group of its own: the terminal's signals reach the command once, not also by way of init.
  program.call('setpgid', [0, 0]);
  if (tty) {
    const group = program.slot();
    program.call('getpid', [], '', { save: group });
    // All signals are blocked, so that the terminal does not stop this process for being in the background.
    program.call('ioctl', [0, c.TIOCSPGRP, group.address], 'the foreground of the terminal');
  }
  program.call('rt_sigprocmask', [c.SIG_SETMASK, none, 0, c.SIGSET_SIZE]);
}

/** Waits for signals, which are all blocked, one at a time. */
function addReaper(program: Program, all: number, child: Slot): void {
  const wait = program.label();
  const reap = program.label();
  const ended = program.label();
  const signal = program.slot();
  const pid = program.slot();
  const status = program.slot();
  program.mark(wait);
  program.call('rt_sigtimedwait', [all, 0, 0, c.SIGSET_SIZE], '', { save: signal, onError: wait });
  program.jumpIfEqual(signal, c.SIGCHLD, reap);
  program.call('kill', [child, signal], '', { ignore: true });
  program.jump(wait);
  program.mark(reap);
  program.call('wait4', [-1, status.address, c.WNOHANG, 0], '', { save: pid, onError: wait, onZero: wait });
  program.jumpIfEqual(pid, child, ended);
  program.jump(reap);
  program.mark(ended);
  program.exitAsWaited(status);
}
