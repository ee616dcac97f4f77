"""Every way to start vLLM is read alike, and a flag is changed where it stands."""

from __future__ import annotations

import pytest

from vops.model.commandline import with_flag, with_model
from vops.model.pods import Container, ContainerPort, EnvSource, EnvVar, Pod, PodSpec
from vops.model.serving import EngineArgs, token_count, vllm_container

IMAGE = "vllm/vllm-openai:v0.25.1"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
FLAGS = ("--tensor-parallel-size", "2", "--max-model-len=8k", "--gpu_memory_utilization", "0.85", "--port", "8110")

FORMS = {
    "vllm serve": Container(command=("vllm", "serve", MODEL, *FLAGS)),
    "command and args": Container(command=("vllm", "serve"), args=(MODEL, *FLAGS)),
    "image entrypoint": Container(image=IMAGE, args=(MODEL, *FLAGS)),
    "image entrypoint, model as a flag": Container(image=IMAGE, args=("--model", MODEL, *FLAGS)),
    "other image, telling args": Container(image="llm:1", args=("--model", MODEL, *FLAGS)),
    "module": Container(command=("python3", "-m", "vllm.entrypoints.openai.api_server", "--model", MODEL, *FLAGS)),
    "flags before the model": Container(command=("vllm", "serve"), args=(*FLAGS, "--enforce-eager", MODEL)),
    "behind an init": Container(command=("/usr/bin/tini", "--", "/opt/venv/bin/vllm", "serve", MODEL, *FLAGS)),
    "shell": Container(command=("sh", "-c"), args=(f"exec vllm serve {MODEL} {' '.join(FLAGS)}",)),
    "shell script": Container(
        command=(
            "/bin/bash",
            "-lc",
            f"set -e # vllm serve\nvllm serve '{MODEL}' \\\n  {' '.join(FLAGS)} 2>&1 | tee log",
        ),
    ),
    "shell variables": Container(
        command=("sh", "-c", f'vllm serve "$MODEL" -tp ${{TP:-2}} {" ".join(FLAGS[2:])} && echo --port 1'),
        env=(EnvVar("MODEL", MODEL),),
    ),
    "kubernetes variables": Container(command=("vllm", "serve", "$(MODEL)", *FLAGS), env=(EnvVar("MODEL", MODEL),)),
}


@pytest.mark.parametrize("container", FORMS.values(), ids=FORMS.keys())
def test_every_form_of_a_command_line_reads_alike(container: Container) -> None:
    pod = Pod(spec=PodSpec(containers=(Container(name="proxy", image="envoy:1"), container)))
    assert vllm_container(pod) is container
    args = EngineArgs.of(container)
    assert (args.model, args.tensor_parallel_size, args.max_model_len) == (MODEL, 2, 8000)
    assert (args.gpu_memory_utilization, args.port) == (0.85, 8110)


OTHERS = {
    "benchmark": Container(image=IMAGE, command=("vllm", "bench", "serve", "--model", MODEL)),
    "download job": Container(image=IMAGE, command=("hf", "download", MODEL), ports=(ContainerPort(8000),)),
    "ray worker": Container(image=IMAGE, command=("ray", "start", "--block"), ports=(ContainerPort(6379),)),
    "shell job": Container(image=IMAGE, command=("sh", "-c", "hf download x")),
    "router": Container(image="lmcache/lmstack-router:v1", args=("--port", "8001")),
    "other server": Container(image="ghcr.io/sglang:1", args=("--model-path", MODEL)),
    "vllm in a name": Container(image="registry/vllm-metrics-exporter:1"),
    "nothing": Container(),
}


@pytest.mark.parametrize("container", OTHERS.values(), ids=OTHERS.keys())
def test_containers_that_serve_nothing_are_not_vllm_servers(container: Container) -> None:
    assert vllm_container(Pod(spec=PodSpec(containers=(container,)))) is None


def test_a_vllm_image_behind_an_unreadable_command_is_known_by_its_port() -> None:
    container = Container(image=IMAGE, command=("/start.sh",), ports=(ContainerPort(9000, "http"),))
    assert vllm_container(Pod(spec=PodSpec(containers=(container,)))) is container
    args = EngineArgs.of(container)
    assert (args.line, args.port, args.version) == (None, 9000, (0, 25, 1))
    with pytest.raises(ValueError, match="cannot edit"):
        with_flag(container, "--max-model-len", "4096")


def test_an_api_key_is_known_to_be_there_but_its_value_is_not_kept() -> None:
    flag = EngineArgs.of(Container(command=("vllm", "serve", "m", "--api-key", "s3cret", "other")))
    inline = EngineArgs.of(Container(command=("vllm", "serve", "m", "--api-key=s3cret")))
    secret = EnvVar("VLLM_API_KEY", value_from=EnvSource(secret_key_ref={"name": "s"}))
    env = EngineArgs.of(Container(command=("vllm", "serve", "m"), env=(secret, EnvVar("VLLM_USE_V1", "1"))))
    assert (flag.api_key, inline.api_key, env.api_key) == (True, True, True)
    assert [given.value for given in (*flag.raw, *inline.raw)] == ["", ""]
    assert env.environment == {"VLLM_USE_V1": "1"}
    assert "s3cret" not in repr([flag, inline])


def test_switches_take_no_value_and_the_last_of_repeated_flags_wins() -> None:
    args = EngineArgs.of(
        Container(command=("vllm", "serve", "--enforce-eager", "m", "-q", "awq", "--port=1", "--port", "2", "-O3"))
    )
    assert (args.model, args.enforce_eager, args.quantization, args.port) == ("m", True, "awq", 2)
    assert args.location("-O") is not None
    assert args.location("max-model-len") is None


def test_several_served_names_mean_the_first() -> None:
    args = EngineArgs.of(
        Container(command=("vllm", "serve"), args=("m", "--served-model-name", "a", "b", "--seed", "0"))
    )
    assert (args.name, args.model) == ("a", "m")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("8192", 8192), ("8k", 8000), ("8K", 8192), ("1.5k", 1500), ("auto", None), ("-1", None), ("", None)],
)
def test_lengths_are_read_as_vllm_reads_them(text: str, tokens: int | None) -> None:
    assert token_count(text) == tokens


def test_locations_name_the_list_and_the_indices() -> None:
    container = Container(command=("vllm", "serve"), args=("m", "--max_model_len", "8192", "--seed=1"))
    length, seed = (EngineArgs.of(container).location(name) for name in ("--max-model-len", "seed"))
    assert length is not None
    assert seed is not None
    assert (length.field, length.indices, length.inline, length.in_shell) == ("args", (1, 2), False, False)
    assert (seed.field, seed.indices, seed.inline) == ("args", (3,), True)


EDITS = {
    "separate": (("vllm", "serve", "m", "--max-model-len", "8192"), ["vllm", "serve", "m", "--max-model-len", "4096"]),
    "inline": (("vllm", "serve", "m", "--max_model_len=8192"), ["vllm", "serve", "m", "--max_model_len=4096"]),
    "new": (("vllm", "serve", "m"), ["vllm", "serve", "m", "--max-model-len", "4096"]),
    "shell": (
        ("sh", "-c", "exec vllm serve m --max-model-len 8192 --seed 0 > log"),
        ["sh", "-c", "exec vllm serve m --max-model-len 4096 --seed 0 > log"],
    ),
    "new in a shell": (
        ("sh", "-c", "vllm serve m \\\n --seed 0 2>&1; sleep 9"),
        ["sh", "-c", "vllm serve m \\\n --seed 0 --max-model-len 4096 2>&1; sleep 9"],
    ),
}


@pytest.mark.parametrize(("command", "edited"), EDITS.values(), ids=EDITS.keys())
def test_a_flag_is_set_where_it_stands_and_nothing_else_changes(command: tuple[str, ...], edited: list[str]) -> None:
    assert with_flag(Container(command=command), "--max-model-len", "4096") == ("command", edited)
    assert EngineArgs.of(Container(command=tuple(edited))).max_model_len == 4096


def test_a_flag_for_the_images_entrypoint_goes_to_the_args() -> None:
    assert with_flag(Container(image=IMAGE), "enforce-eager", None) == ("args", ["--enforce-eager"])
    assert with_flag(Container(command=("vllm", "serve", "m")), "--max-model-len", "1")[0] == "command"


MODELS = {
    "positional": (("vllm", "serve", "gated/m", "--seed", "0"), ["vllm", "serve", "free/m", "--seed", "0"]),
    "flag": (("vllm", "serve", "--model", "gated/m"), ["vllm", "serve", "--model", "free/m"]),
    "none": (("vllm", "serve", "--seed", "0"), ["vllm", "serve", "free/m", "--seed", "0"]),
    "module": (
        ("python3", "-m", "vllm.entrypoints.openai.api_server", "--model=gated/m"),
        ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model=free/m"],
    ),
    "shell": (("sh", "-c", "vllm serve 'gated/m' -tp 2"), ["sh", "-c", "vllm serve free/m -tp 2"]),
}


@pytest.mark.parametrize(("command", "edited"), MODELS.values(), ids=MODELS.keys())
def test_the_model_is_replaced_in_the_form_it_is_given(command: tuple[str, ...], edited: list[str]) -> None:
    assert with_model(Container(command=command), "free/m") == ("command", edited)


def test_a_value_that_a_shell_would_split_is_quoted() -> None:
    field, items = with_flag(Container(command=("sh", "-c", "vllm serve m")), "chat-template", "a b; rm")
    assert (field, items[-1]) == ("command", "vllm serve m --chat-template 'a b; rm'")
