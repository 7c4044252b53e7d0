#!/usr/bin/env node
import { main } from '../scripts/cloud.js';
import { destroyFromEnvironment } from '../scripts/destroy.js';

await main(destroyFromEnvironment);
