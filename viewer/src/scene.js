// The 3D view: loads the GLB, orbits, hides, isolates and explodes parts. Draws only on change.
import {
  AmbientLight,
  Box3,
  Color,
  DirectionalLight,
  Euler,
  Matrix4,
  PMREMGenerator,
  PerspectiveCamera,
  Raycaster,
  Scene,
  Sphere,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { RoomEnvironment } from "three/addons/environments/RoomEnvironment.js";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

const KEY_TURN = Math.PI / 24;
const CLICK_SLACK_PX = 4;
const FRAME_MARGIN = 1.15;
// Azimuth from the front, counter-clockwise seen from above, and elevation, both in degrees.
const SIDES = {
  front: [0, 0], left: [-90, 0], back: [180, 0], right: [90, 0], top: [0, 89.9], bottom: [0, -89.9],
};
// glTF is +Y up with the front at +Z; placements are told +Z up with the front at +X.
const GLTF_FROM_WORLD = new Matrix4().set(0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1);

function makeRenderer(canvas) {
  const renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true });
  renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
  return renderer;
}

function lightUp(scene, camera, renderer) {
  const generator = new PMREMGenerator(renderer);
  scene.environment = generator.fromScene(new RoomEnvironment(), 0.04).texture;
  scene.environmentIntensity = 0.3;
  generator.dispose();
  // Colours are baked from pictures and hold their light already: mostly even light, and a weak
  // lamp that follows the eye to show the form.
  scene.add(new AmbientLight(0xffffff, 0.9));
  const lamp = new DirectionalLight(0xffffff, 1.0);
  lamp.position.set(-0.5, 0.8, 1);
  camera.add(lamp);
  scene.add(camera);
}

function collectParts(gltf, data) {
  const byName = new Map();
  gltf.scene.traverse((object) => {
    const name = object.userData.component;
    if (name !== undefined && !byName.has(name)) byName.set(name, object);
  });
  return data.parts
    .filter((part) => byName.has(part.component))
    .map((part) => {
      const object = byName.get(part.component);
      const offset = new Vector3(...part.offset);
      object.updateMatrix();
      const loaded = object.matrix.clone();
      return { ...part, object, loaded, home: object.position.clone(), offset, materials: [] };
    });
}

function ownMaterials(part) {
  part.object.traverse((node) => {
    if (!node.isMesh) return;
    node.material = node.material.clone();
    const { material } = node;
    const { map, vertexColors } = material;
    part.materials.push({ material, map, vertexColors, color: material.color.clone() });
  });
}

// Turn and scale of a correction, glTF frame.
function turnOf({ turn_deg: turn, scale }) {
  const [x, y, z] = turn.map((angle) => (angle * Math.PI) / 180);
  const matrix = new Matrix4().makeRotationFromEuler(new Euler(x, y, z, "ZYX"));
  const back = GLTF_FROM_WORLD.clone().transpose();
  return matrix.premultiply(GLTF_FROM_WORLD).multiply(back).scale(new Vector3(scale, scale, scale));
}

function moveOf({ move }) {
  return new Vector3(...move).applyMatrix4(GLTF_FROM_WORLD);
}

function centerOf(object, matrix) {
  const box = new Box3();
  const point = new Vector3();
  object.traverse((node) => {
    if (!node.isMesh) return;
    const { position } = node.geometry.attributes;
    for (let i = 0; i < position.count; i += 1) {
      box.expandByPoint(point.fromBufferAttribute(position, i).applyMatrix4(matrix));
    }
  });
  return box.getCenter(new Vector3());
}

// Where a part stands with another correction than the one its file was written with. Both turn
// about the centre that the part had before any.
function corrected(part, saved, wanted) {
  const before = turnOf(saved);
  const undone = before.clone().invert().multiply(part.loaded);
  const center = centerOf(part.object, undone).applyMatrix4(before).sub(moveOf(saved));
  const about = (turn, move) => new Matrix4()
    .makeTranslation(center.clone().add(move))
    .multiply(turn)
    .multiply(new Matrix4().makeTranslation(center.clone().negate()));
  return about(turnOf(wanted), moveOf(wanted))
    .multiply(about(before, moveOf(saved)).invert())
    .multiply(part.loaded);
}

export async function openScene(canvas, data, bytes) {
  const renderer = makeRenderer(canvas);
  const scene = new Scene();
  const camera = new PerspectiveCamera(30, 1, 0.01, 200);
  lightUp(scene, camera, renderer);
  const gltf = await new GLTFLoader().parseAsync(bytes, "");
  scene.add(gltf.scene);
  const parts = collectParts(gltf, data);
  parts.forEach(ownMaterials);
  const controls = new OrbitControls(camera, canvas);
  const view = new PartView({ renderer, scene, camera, controls, canvas, parts, data });
  view.start();
  return view;
}

class PartView {
  constructor(fields) {
    Object.assign(this, fields);
    this.amount = 0;
    this.only = null;
    this.hidden = new Set();
    this.onPick = () => {};
    this.pending = false;
    this.overlay = 0;
  }

  start() {
    this.controls.enableDamping = false;
    this.controls.addEventListener("change", () => this.draw());
    this.watchPointer();
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement);
    this.resize();
    this.reset();
  }

  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.renderer.render(this.scene, this.camera);
    });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (width === 0 || height === 0) return;
    this.camera.aspect = width / height;
    this.renderer.setSize(width, height, false);
    this.setFieldOfView();
    this.draw();
  }

  // What is seen from the input camera fills the frame, whichever side is the tight one.
  setFieldOfView() {
    const [across, up] = this.extent ?? [0.27, 0.27];
    if (this.overlay > 0) return this.matchImage();
    const half = Math.max(up, across / this.camera.aspect) * FRAME_MARGIN;
    this.camera.fov = (2 * Math.atan(half) * 180) / Math.PI;
    this.camera.updateProjectionMatrix();
    return null;
  }

  // The input camera itself, its picture as large as the frame lets it be.
  matchImage() {
    const { pose, focal_px: focal, principal_px: principal, size_px: size, projection } = this.data.camera;
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    const zoom = Math.min(clientWidth / size[0], clientHeight / size[1]);
    const [besides, above] = [clientWidth / zoom - size[0], clientHeight / zoom - size[1]].map((n) => n / 2);
    const { near, far } = this.camera;
    const reach = projection === "orthographic" ? 1 / focal : near / focal;
    const edges = [
      -(principal[0] + besides), size[0] - principal[0] + besides,
      principal[1] + above, -(size[1] - principal[1] + above),
    ].map((n) => n * reach);
    const matrix = this.camera.projectionMatrix;
    if (projection === "orthographic") matrix.makeOrthographic(...edges, near, far);
    else matrix.makePerspective(...edges, near, far);
    this.camera.projectionMatrixInverse.copy(matrix).invert();
    new Matrix4().fromArray(pose).decompose(this.camera.position, this.camera.quaternion, new Vector3());
    return null;
  }

  // Lays the source image over the object, seen by the input camera; 0 goes back to free view.
  setOverlay(opacity) {
    const leaving = this.overlay > 0 && opacity === 0;
    this.overlay = opacity;
    this.controls.enabled = opacity === 0;
    if (leaving) this.reset();
    else this.setFieldOfView();
    this.draw();
  }

  lookFrom(side) {
    this.reset();
    if (!(side in SIDES)) return;
    const [azimuth, elevation] = SIDES[side].map((angle) => (angle * Math.PI) / 180);
    const { target } = this.controls;
    const distance = this.camera.position.distanceTo(target);
    const level = Math.cos(elevation);
    this.camera.position.set(
      Math.sin(azimuth) * level, Math.sin(elevation), Math.cos(azimuth) * level,
    ).multiplyScalar(distance).add(target);
    this.controls.update();
    this.extent = this.seenExtent();
    this.setFieldOfView();
    this.draw();
  }

  setWireframe(on) {
    for (const { materials } of this.parts) {
      for (const { material } of materials) material.wireframe = on;
    }
    this.draw();
  }

  // Shows a part where another correction of its place would put it.
  nudge(component, saved, wanted) {
    const part = this.parts.find((each) => each.component === component);
    if (!part) return;
    corrected(part, saved, wanted).decompose(part.object.position, part.object.quaternion, part.object.scale);
    part.home.copy(part.object.position);
    part.object.position.addScaledVector(part.offset, this.amount);
    part.object.updateMatrixWorld(true);
    this.draw();
  }

  // Tangents of the angles, sideways and upwards, under which the parts' boxes are seen.
  seenExtent() {
    this.camera.updateMatrixWorld();
    const extent = [0, 0];
    for (const { object } of this.parts) {
      const { min, max } = new Box3().setFromObject(object, true);
      for (let corner = 0; corner < 8; corner += 1) {
        const point = new Vector3(
          corner & 1 ? max.x : min.x,
          corner & 2 ? max.y : min.y,
          corner & 4 ? max.z : min.z,
        ).applyMatrix4(this.camera.matrixWorldInverse);
        extent[0] = Math.max(extent[0], Math.abs(point.x / point.z));
        extent[1] = Math.max(extent[1], Math.abs(point.y / point.z));
      }
    }
    return extent;
  }

  bounds() {
    const box = new Box3();
    this.parts.forEach((part) => box.expandByObject(part.object));
    return box.getBoundingSphere(new Sphere());
  }

  reset() {
    this.overlay = 0;
    this.controls.enabled = true;
    this.setExplode(0);
    const { center, radius } = this.bounds();
    const eye = new Vector3(...this.data.camera.position);
    const direction = eye.clone().sub(center).normalize();
    const distance = Math.max(eye.distanceTo(center), radius * 1.6);
    this.camera.position.copy(center).addScaledVector(direction, distance);
    this.camera.near = distance / 100;
    this.camera.far = distance * 50;
    this.controls.target.copy(center);
    this.controls.minDistance = radius * 0.3;
    this.controls.maxDistance = distance * 8;
    this.controls.update();
    this.extent = this.seenExtent();
    this.setFieldOfView();
    this.draw();
  }

  // Moves the parts apart; the eye steps back so that all of them stay in the frame.
  setExplode(amount) {
    const before = this.bounds().radius;
    this.amount = amount;
    for (const part of this.parts) {
      part.object.position.copy(part.home).addScaledVector(part.offset, amount);
      part.object.updateMatrixWorld(true);
    }
    const ratio = this.bounds().radius / before;
    const arm = this.camera.position.clone().sub(this.controls.target).multiplyScalar(ratio);
    this.camera.position.copy(this.controls.target).add(arm);
    this.controls.update();
    this.draw();
  }

  setVisible(component, visible) {
    if (visible) this.hidden.delete(component);
    else this.hidden.add(component);
    this.applyVisibility();
  }

  // Shows one part alone, or all that are not hidden with null.
  setOnly(component) {
    this.only = component;
    this.applyVisibility();
  }

  applyVisibility() {
    for (const part of this.parts) {
      const { component } = part;
      part.object.visible = this.only ? component === this.only : !this.hidden.has(component);
    }
    this.draw();
  }

  setTint(on) {
    for (const part of this.parts) {
      for (const { material, map, color, vertexColors } of part.materials) {
        material.map = on ? null : map;
        material.vertexColors = on ? false : vertexColors;
        material.color.copy(on ? new Color(part.color) : color);
        material.needsUpdate = true;
      }
    }
    this.draw();
  }

  highlight(component) {
    for (const part of this.parts) {
      const lit = part.component === component;
      for (const { material } of part.materials) {
        if (!material.emissive) continue;
        material.emissive.set(lit ? part.color : 0x000000);
        material.emissiveIntensity = lit ? 0.35 : 1;
      }
    }
    this.draw();
  }

  watchPointer() {
    let down = null;
    this.canvas.addEventListener("pointerdown", (event) => {
      down = [event.clientX, event.clientY];
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (!down) return;
      const moved = Math.hypot(event.clientX - down[0], event.clientY - down[1]);
      down = null;
      if (moved <= CLICK_SLACK_PX) this.onPick(this.partAt(event));
    });
  }

  partAt(event) {
    const frame = this.canvas.getBoundingClientRect();
    const point = new Vector2(
      ((event.clientX - frame.left) / frame.width) * 2 - 1,
      1 - ((event.clientY - frame.top) / frame.height) * 2,
    );
    const caster = new Raycaster();
    caster.setFromCamera(point, this.camera);
    const shown = this.parts.filter((part) => part.object.visible);
    const hit = caster.intersectObjects(shown.map((part) => part.object))[0];
    if (!hit) return null;
    const owner = shown.find((part) => {
      let node = hit.object;
      while (node && node !== part.object) node = node.parent;
      return node === part.object;
    });
    return owner ? owner.component : null;
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.overlay > 0) return;
    const actions = {
      ArrowLeft: () => this.controls.rotateLeft(KEY_TURN),
      ArrowRight: () => this.controls.rotateLeft(-KEY_TURN),
      ArrowUp: () => this.controls.rotateUp(KEY_TURN),
      ArrowDown: () => this.controls.rotateUp(-KEY_TURN),
      "+": () => this.controls.dollyIn(1.1),
      "=": () => this.controls.dollyIn(1.1),
      "-": () => this.controls.dollyOut(1.1),
      Home: () => this.reset(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
    this.controls.update();
    this.draw();
  }

  state() {
    return {
      parts: this.parts.map((part) => ({
        component: part.component,
        visible: part.object.visible,
        position: part.object.position.toArray(),
      })),
      camera: this.camera.position.toArray(),
      amount: this.amount,
      overlay: this.overlay,
      wireframe: this.parts.some(({ materials }) => materials.some(({ material }) => material.wireframe)),
      triangles: this.renderer.info.render.triangles,
    };
  }
}
