import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { installK3s } from './disk.js';
import { Machine } from './machine.js';
import { dropHostNamespace, makeHostNamespace } from './network.js';
import { currentPlaces, type Places } from './places.js';
import { HOSTS, type LabSecrets } from './plan.js';
import { must } from './sh.js';
import { configureSystem, knownHost } from './system.js';

export interface LabOptions {
  /** `off`: K3s is installed, but not enabled. */
  readonly k3s?: 'on' | 'off';
}

/** The booted lab as tests see it. */
export class Lab {
  readonly machines = new Map<string, Machine>();
  readonly secrets: LabSecrets = {
    sudoPassword: `sudo-${randomBytes(9).toString('hex')}`,
    passphrase: `pass-${randomBytes(9).toString('hex')}`,
    token: 'blackstart-lab-token-1',
  };
  /** Keys, inventory and state of the program under test. */
  readonly home: string;

  private constructor(readonly places: Places) {
    this.home = `${places.run}/console`;
  }

  /** Boots every host and waits for sshd. Whatever fails, nothing is left behind. */
  static async boot(options: LabOptions = {}): Promise<Lab> {
    const lab = new Lab(currentPlaces());
    try {
      await lab.#boot(options);
      return lab;
    } catch (error) {
      await lab.down();
      throw error;
    }
  }

  async #boot(options: LabOptions): Promise<void> {
    rmSync(this.home, { recursive: true, force: true });
    mkdirSync(this.home, { recursive: true, mode: 0o700 });
    await must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', `${this.home}/id_ed25519`]);
    const publicKey = readFileSync(`${this.home}/id_ed25519.pub`, 'utf8');
    for (const host of HOSTS) this.machines.set(host.name, new Machine(this.places, host));
    await Promise.all(
      [...this.machines.values()].map(async (machine) => {
        await machine.prepare();
        await configureSystem(machine, publicKey, this.secrets);
        installK3s(machine.host, machine.root, options.k3s !== 'off');
        await makeHostNamespace(this.places, machine.host);
        machine.boot();
      }),
    );
    const known = [...this.machines.values()].map(knownHost).join('');
    writeFileSync(`${this.home}/known_hosts`, known, { mode: 0o600 });
    await Promise.all([...this.machines.values()].map((machine) => machine.answersSsh()));
  }

  machine(name: string): Machine {
    const machine = this.machines.get(name);
    if (machine === undefined) throw new Error(`no machine ${name}`);
    return machine;
  }

  async down(): Promise<void> {
    for (const machine of this.machines.values()) {
      await machine.remove();
      await dropHostNamespace(this.places, machine.host.name);
    }
    rmSync(`${this.places.run}/machines`, { recursive: true, force: true });
    rmSync(this.home, { recursive: true, force: true });
  }
}
