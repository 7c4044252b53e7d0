/**
 * One of the functions: a prebuilt `bootstrap` or a stage of the container image, a log group that forgets, and a
 * role that may write to that log and do nothing else until it is granted something by name.
 */
import { type Duration, RemovalPolicy, type Size, Stack, Validations } from 'aws-cdk-lib';
import * as ecrAssets from 'aws-cdk-lib/aws-ecr-assets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TABLE } from '../contract.js';
import { PROCESSORS, type Settings } from '../settings.js';

/** The folder of this app and the one above it, where the Dockerfile lies. */
const INFRA = resolve(import.meta.dirname, '..', '..');
const CHECKOUT = resolve(INFRA, '..');

export interface DocentFunctionProps {
  readonly settings: Settings;
  /** Which one: the folder of its `bootstrap`, and its stage in the Dockerfile. */
  readonly binary: 'api' | 'worker' | 'ingest';
  readonly memoryMib: number;
  readonly timeout: Duration;
  readonly environment: Record<string, string>;
  /** Room in its temporary folder. @default half a gibibyte */
  readonly storage?: Size;
  /** 0 or absent: none reserved. */
  readonly reservedConcurrency?: number;
}

/** Something that the function may do. */
export interface Grant {
  /** Its name. Tests remove the policy of this name and see that exactly this call fails. */
  readonly sid: string;
  readonly actions: string[];
  readonly resources: string[];
  /** If a resource has a wildcard: what it stands for, and why it is needed. */
  readonly wildcard?: string;
}

export class DocentFunction extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: DocentFunctionProps) {
    super(scope, id);
    this.logGroup = new logs.LogGroup(this, 'Log', {
      retention: props.settings.logRetentionDays as logs.RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    // The ARN of a log group ends in ":*", which stands for its streams; Lambda names them.
    this.allow({
      sid: 'WriteLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [this.logGroup.logGroupArn],
    });
    this.function = this.make(props);
  }

  /**
   * Grants something by a policy of its own, so that each can be read, explained and taken away alone. It stands beside
   * the role, not below: the function waits for what is below its role, and one policy names the function.
   */
  allow(grant: Grant): iam.Policy {
    const { wildcard, ...statement } = grant;
    const policy = new iam.Policy(this, grant.sid, {
      roles: [this.role],
      statements: [new iam.PolicyStatement(statement)],
    });
    if (wildcard) {
      for (const resource of grant.resources) {
        const finding = inWords(Stack.of(this).resolve(resource));
        Validations.of(policy).acknowledge({ id: `AwsSolutions-IAM5[Resource::${finding}]`, reason: wildcard });
      }
    }
    return policy;
  }

  /** What answering from published generations takes. */
  allowToReadIndex(bucketArn: string, generationsArn: string): void {
    // Names alone. Without it S3 says of what is not there yet that it is forbidden.
    this.allow({ sid: 'SeeIndex', actions: ['s3:ListBucket'], resources: [bucketArn] });
    this.allow({
      sid: 'ReadIndex',
      actions: ['s3:GetObject'],
      resources: [`${generationsArn}/*`],
      wildcard: 'All objects of all generations; their names are hashes that are not known beforehand.',
    });
  }

  /** What became of documents: an index that holds open queries, too, and is listed by a key. */
  allowToListReports(tableArn: string): void {
    this.allow({ sid: 'ListReports', actions: ['dynamodb:Query'], resources: [`${tableArn}/index/${TABLE.open.name}`] });
  }

  private make(props: DocentFunctionProps): lambda.Function {
    const common = {
      architecture: architecture(props.settings),
      memorySize: props.memoryMib,
      timeout: props.timeout,
      environment: props.environment,
      role: this.role,
      logGroup: this.logGroup,
      ephemeralStorageSize: props.storage,
      reservedConcurrentExecutions: props.reservedConcurrency || undefined,
    };
    if (props.settings.packaging === 'image') {
      const code = image(props.binary, props.settings);
      return new lambda.DockerImageFunction(this, 'Function', { ...common, code });
    }
    return new lambda.Function(this, 'Function', {
      ...common,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      code: lambda.Code.fromAsset(bootstrapFolder(props.settings, props.binary)),
    });
  }
}

function architecture(settings: Settings): lambda.Architecture {
  return settings.architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64;
}

function image(stage: string, settings: Settings): lambda.DockerImageCode {
  const arm = settings.architecture === 'arm64';
  return lambda.DockerImageCode.fromImageAsset(CHECKOUT, {
    target: stage,
    buildArgs: settings.imageIndex ? { INDEX: settings.imageIndex } : undefined,
    platform: arm ? ecrAssets.Platform.LINUX_ARM64 : ecrAssets.Platform.LINUX_AMD64,
  });
}

/** The folder with one prebuilt `bootstrap`, and an index beside it if one is to travel along. */
function bootstrapFolder(settings: Settings, binary: string): string {
  const folder = join(settings.artefacts, PROCESSORS[settings.architecture], binary);
  if (existsSync(resolve(INFRA, folder, 'bootstrap'))) return resolve(INFRA, folder);
  throw new Error(`${join(folder, 'bootstrap')} does not exist\nhint: scripts/build_lambda.sh ${resolve(INFRA, settings.artefacts)} writes it`);
}

/** A resolved name as the checks write it in their findings: the name of what is imported, then the rest of the text. */
function inWords(resolved: unknown): string {
  if (typeof resolved === 'string') return resolved;
  const { 'Fn::Join': join, 'Fn::ImportValue': imported } = resolved as Record<string, unknown>;
  if (imported !== undefined) return inWords(imported);
  const [delimiter, parts] = join as [string, unknown[]];
  return parts.map(inWords).join(delimiter);
}
