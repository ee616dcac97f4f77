"""State-space and linear-attention layers of a configuration: the shapes of the state each keeps for a sequence.

Sources: Transformers' modeling files of each family and vLLM's `MambaStateShapeCalculator`.
"""

from __future__ import annotations

from vops.sizing.architecture import Recurrence
from vops.sizing.modelconfig import ModelConfig, hidden_width


def recurrence_of(text: ModelConfig, model_type: str) -> Recurrence | None:
    """What its recurrent layers keep; None for a model that has none."""
    if "linear_num_value_heads" in text:
        return _delta(text)
    if (linear := text.part("linear_attn_config")) is not None:
        return _kimi_delta(linear)
    if model_type in ("lfm2", "lfm2_moe"):
        return Recurrence(inner=hidden_width(text), state=0, convolution=text.extent("conv_L_cache", default=3))
    if text.optional("mamba_num_heads", "mamba_n_heads") or model_type == "mamba2":
        return _mamba2(text, model_type)
    if text.optional("mamba_d_state", "state_size") and model_type in ("jamba", "mamba", "falcon_mamba"):
        return _mamba1(text, model_type)
    return None


def _delta(text: ModelConfig) -> Recurrence:
    heads, value_dim = text.extent("linear_num_value_heads"), text.extent("linear_value_head_dim")
    return Recurrence(
        inner=heads * value_dim,
        state=text.extent("linear_key_head_dim"),
        convolution=text.extent("linear_conv_kernel_dim", default=4),
        groups=text.extent("linear_num_key_heads"),
        heads=heads,
        head_dim=value_dim,
        convolution_bias=False,
        state_bytes=4 if text.word("mamba_ssm_dtype") == "float32" else 0,
    )


def _kimi_delta(linear: ModelConfig) -> Recurrence:
    """Kimi delta attention, whose state is float32. Source: vLLM `MambaStateShapeCalculator.kda_state_shape`."""
    heads, dim = linear.extent("num_heads"), linear.extent("head_dim")
    return Recurrence(
        inner=heads * dim,
        state=dim,
        convolution=linear.extent("short_conv_kernel_size", default=4),
        groups=heads,
        heads=heads,
        head_dim=dim,
        convolution_bias=False,
        state_bytes=4,
        gate_rank=dim,
    )


def _mamba2(text: ModelConfig, model_type: str) -> Recurrence:
    heads = text.extent("mamba_num_heads", "mamba_n_heads", "num_heads")
    expanded = text.extent("mamba_expand", "expand", default=2) * hidden_width(text)
    head_dim = text.values.get("mamba_head_dim") or text.values.get("mamba_d_head") or text.values.get("head_dim")
    dim = head_dim if isinstance(head_dim, int) else expanded // heads
    return Recurrence(
        inner=heads * dim,
        state=text.extent("ssm_state_size", "mamba_d_state", "state_size"),
        convolution=text.extent("conv_kernel", "mamba_d_conv", default=4),
        groups=text.extent("n_groups", "mamba_n_groups", default=1),
        heads=heads,
        head_dim=dim,
        convolution_bias=text.flag("use_conv_bias", "mamba_conv_bias", default=True),
        projection_bias=text.flag("mamba_proj_bias", "use_bias"),
        state_bytes=4 if _state_dtype(text, model_type) == "float32" else 0,
        chunk=text.extent("mamba_chunk_size", "chunk_size", default=2048),
    )


def _state_dtype(text: ModelConfig, model_type: str) -> str:
    """Nemotron-H's states are float32 unless it says otherwise; the others' are the model's dtype."""
    return text.word("mamba_ssm_cache_dtype", default="float32" if model_type == "nemotron_h" else "")


def _mamba1(text: ModelConfig, model_type: str) -> Recurrence:
    hidden = hidden_width(text)
    rank = text.values.get("mamba_dt_rank", text.values.get("time_step_rank"))
    return Recurrence(
        inner=text.count("intermediate_size", default=0)
        if model_type != "jamba" and "intermediate_size" in text
        else text.extent("mamba_expand", "expand", default=2) * hidden,
        state=text.extent("mamba_d_state", "state_size", default=16),
        convolution=text.extent("mamba_d_conv", "conv_kernel", default=4),
        step_rank=rank if isinstance(rank, int) else -(-hidden // 16),
        convolution_bias=text.flag("mamba_conv_bias", "use_conv_bias", default=True),
        projection_bias=text.flag("mamba_proj_bias", "use_bias"),
        inner_norms=model_type == "jamba",
    )
