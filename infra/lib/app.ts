/** The two stacks of a deployment, checked by AWS's own list of practices. */
import { App, Tags, Validations, type AppProps } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Settings } from './settings.js';
import { DataStack } from './stacks/data.js';
import { ServiceStack } from './stacks/service.js';

export interface Deployment {
  readonly app: App;
  readonly data: DataStack;
  readonly service: ServiceStack;
}

/** Everything below one app. A finding of the checks that nobody acknowledged fails the synthesis. */
export function deployment(settings: Settings, props?: AppProps): Deployment {
  const app = new App(props);
  const data = new DataStack(app, 'Data', { stackName: `${settings.name}-data`, settings });
  const service = new ServiceStack(app, 'Service', { stackName: `${settings.name}-service`, settings, data });
  Tags.of(app).add('application', settings.name);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
  return { app, data, service };
}
