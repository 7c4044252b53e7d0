#!/usr/bin/env node
import { main } from '../scripts/cloud.js';
import { examineFromSettings } from '../scripts/doctor.js';

await main(examineFromSettings);
