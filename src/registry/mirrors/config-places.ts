/** Where this machine keeps what it has configured about registries, for containerd, for containers' tools and for Docker. */
import { join } from 'node:path';

export interface ConfigPlaces {
  /** containerd's folders by registry. */
  readonly hostsDir: string;
  readonly registriesConf: RegistriesConfPlaces;
  /** Docker's folders of certificates by `host:port`. */
  readonly certsDir: string;
  /** The first one that is there counts. */
  readonly daemonJson: readonly string[];
}

export interface RegistriesConfPlaces {
  /** Named by the environment: it must be there, and takes the place of the two below. */
  readonly named: string | undefined;
  readonly user: string;
  readonly system: string;
  readonly userDropIns: string;
  readonly systemDropIns: string;
}

/** @param configDir - stands for `/etc`; else the environment's TSPULL_CONFIG_DIR does. */
export function configPlaces(configDir: string | undefined, env: NodeJS.ProcessEnv): ConfigPlaces {
  const etc = configDir || env['TSPULL_CONFIG_DIR'] || '/etc';
  const home = env['HOME'] ?? '/root';
  // Rootless Docker reads the user's own.
  const userDocker = join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'docker/daemon.json');
  return {
    hostsDir: join(etc, 'containerd/certs.d'),
    certsDir: join(etc, 'docker/certs.d'),
    registriesConf: {
      named: env['CONTAINERS_REGISTRIES_CONF'] || undefined,
      user: join(home, '.config/containers/registries.conf'),
      system: join(etc, 'containers/registries.conf'),
      userDropIns: join(home, '.config/containers/registries.conf.d'),
      systemDropIns: join(etc, 'containers/registries.conf.d'),
    },
    daemonJson: [...(process.getuid?.() === 0 ? [] : [userDocker]), join(etc, 'docker/daemon.json')],
  };
}
