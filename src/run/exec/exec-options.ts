/** About one command in a container that runs. What is absent is as the container has it. */
export interface ExecOptions {
  interactive?: boolean;
  tty?: boolean;
  /** `NAME=value`; later ones win. */
  env?: string[];
  workdir?: string;
  /** `name|uid[:group|gid]` of the container's own files. */
  user?: string;
  /** All capabilities that this process can hand on. */
  privileged?: boolean;
}
