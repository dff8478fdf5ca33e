// TensorFlow.js on its WebAssembly backend, in Node: trainOnBatch on batches that are tensors already.
"use strict";

const readline = require("readline");
const reply = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");
console.log = console.info = console.warn = (...words) => console.error(...words);

const NETWORKS = JSON.parse(process.env.NETWORKS);
let tf;
try {
  tf = require("@tensorflow/tfjs");
  require("@tensorflow/tfjs-backend-wasm");
} catch (error) {
  reply({ error: `not installed (${error.message.split("\n")[0]})` });
  process.exit(0);
}

const make = {
  dense: (units, shape) => tf.layers.dense({ units, activation: "relu", ...shape }),
  gru: (units, shape) => tf.layers.gru({ units, ...shape }),
  lstm: (units, shape) => tf.layers.lstm({ units, ...shape }),
  conv: (filters, shape) => tf.layers.conv2d({ filters, kernelSize: 3, activation: "relu", ...shape }),
  pool: (poolSize) => tf.layers.maxPooling2d({ poolSize }),
  flatten: () => tf.layers.flatten(),
};

function network({ input, layers }) {
  const model = tf.sequential();
  layers.forEach(([kind, argument], index) => {
    const shape = index ? {} : { inputShape: input };
    model.add(argument === undefined ? make[kind]() : make[kind](argument, shape));
  });
  model.add(tf.layers.dense({ units: 10, activation: "softmax" }));
  model.compile({ optimizer: "adam", loss: "sparseCategoricalCrossentropy" });
  return model;
}

async function steps({ name, batch, seconds }) {
  const model = network(NETWORKS[name]);
  const x = tf.randomNormal([batch, ...NETWORKS[name].input]);
  const y = tf.tensor1d(Array.from({ length: batch }, (_, index) => index % 10));
  const run = async (count) => {
    const begun = performance.now();
    for (let step = 0; step < count; step++) await model.trainOnBatch(x, y);
    return (performance.now() - begun) / 1000;
  };
  await run(5);
  const count = Math.max(5, Math.floor((5 * seconds) / (await run(5))));
  const rate = count / (await run(count));
  model.dispose();
  tf.dispose([x, y]);
  return rate;
}

async function main() {
  await tf.setBackend("wasm");
  await tf.ready();
  reply({ value: `TensorFlow.js ${tf.version.tfjs}, wasm` });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      reply({ value: await steps(JSON.parse(line)) });
    } catch (error) {
      reply({ error: error.message.split("\n")[0] });
    }
  }
}

main();
