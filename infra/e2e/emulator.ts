/** AWS on this machine: ministack, one process that runs the real functions, with or without the roles enforced. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const TOOLS = process.env.DOCENT_TOOLS ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'docent', 'tools');
/** The CDK remembers which account a key belongs to, so each emulator has an account of its own. */
let accounts = 111_111_111_110;

export class Emulator {
  private constructor(
    private readonly process: ChildProcess,
    private readonly home: string,
    readonly endpoint: string,
    readonly account: string,
  ) {}

  /** Starts one with a clean environment, as the functions inherit it. */
  static async start(enforced: boolean): Promise<Emulator> {
    const [port, home] = [await freePort(), mkdtempSync(join(tmpdir(), 'docent-emulator-'))];
    const endpoint = `http://127.0.0.1:${port}`;
    const environment = {
      PATH: process.env.PATH,
      HOME: home,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      ...(enforced ? { AUTH: 'true', AWS_ENDPOINT_URL: endpoint } : {}),
    };
    const program = join(TOOLS, 'infra-python', 'bin', 'ministack');
    const child = spawn(program, { env: environment, stdio: 'ignore', detached: true });
    await answering(endpoint);
    const emulator = new Emulator(child, home, endpoint, String(++accounts));
    emulator.isWhereAwsIs();
    // It is not ended by the end of this process alone.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (emulator.stop(), process.exit(1)));
    return emulator;
  }

  /** Points the SDK and the CDK of this process at it. Its key is the account's number. */
  private isWhereAwsIs(): void {
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: this.account,
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_ENDPOINT_URL_S3: this.endpoint.replace('127.0.0.1', 'localhost'),
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      HOME: this.home,
    });
  }

  /** Function URLs have names of their own, which only a resolver of AWS knows; here each also is a path. */
  urlFrom = (url: string): string => `${this.endpoint}/_aws/lambda-url/${new URL(url).hostname.split('.')[0]}/`;

  /** Ends it with the functions that it has started. */
  stop(): void {
    process.kill(-this.process.pid!, 'SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

async function answering(endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const answered = await fetch(`${endpoint}/_ministack/health`).then(() => true, () => false);
    if (answered) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('the emulator did not start: scripts/install_test_tools.sh installs it');
}
