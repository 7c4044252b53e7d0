#!/usr/bin/env node
import { main } from '../scripts/cloud.js';
import { deployFromEnvironment } from '../scripts/deploy.js';

await main(deployFromEnvironment);
