"""The diffusion process: forward marginals, posterior, reverse distribution, bound terms and losses.

``GaussianDiffusion`` is schedule x prediction x reverse variance x objective (and the decoder that scores
data), and nothing else; samplers hold one and walk it backwards. Its parts and the forward direction are in
``process``, networks and reverse steps in ``reverse``, the bound and losses here.
"""

import torch
from torch import Tensor

from idm.core.gaussian import normal_kl
from idm.core.tensors import mean_flat, nats_to_bits
from idm.core.types import Images, Network, PerSample
from idm.diffusion.denoiser import ModelKwargs
from idm.diffusion.process import Place, noise_like
from idm.diffusion.results import LossTerms, NetworkOutput, ReverseStep, VbTerms
from idm.diffusion.reverse import ReverseProcess
from idm.schedules import Level, Transition


class GaussianDiffusion(ReverseProcess):
    """A Gaussian diffusion process and its learned reversal (Ho et al. 2020; Nichol & Dhariwal 2021)."""

    def vb_bpd(self, step: ReverseStep, x_start: Images, x_t: Images, t: Place) -> PerSample:
        """Term of the variational bound at step ``t``, in bits/dim [b] (Ho et al. 2020, eq. 5).

        KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)), and -log p(x_0 | x_1) at step 0.
        """
        at = self.transition(t, x_t)
        # Where t is known on the host, the host need not wait for the device to hear which samples are at step 0.
        is_0 = torch.as_tensor(t).view(-1) == 0 if isinstance(t, int | Tensor) else at.is_last.flatten() > 0
        on_host = is_0.device.type == "cpu"
        rows = is_0.expand(len(x_t)).nonzero()[:, 0].to(x_t.device) if on_host else None
        if rows is not None and len(rows) == len(x_t):
            return self.decoder_bpd(step, x_start)
        kl = nats_to_bits(mean_flat(self._kl(step, x_start, x_t, at)))
        if rows is None:
            return torch.where(is_0, self.decoder_bpd(step, x_start), kl)
        return kl.index_put((rows,), self.decoder_bpd(step.select(rows), x_start[rows])) if len(rows) else kl

    def decoder_bpd(self, step: ReverseStep, x_start: Images) -> PerSample:
        """-log p(x_0 | x_1) in bits/dim [b], the term of step 0."""
        return -nats_to_bits(mean_flat(self.decoder.log_likelihood(x_start, step.gaussian)))

    def decoder_by_value(self, step: ReverseStep, x_start: Images) -> Images:
        """Share of every value in the term of step 0, in bits; their mean is ``decoder_bpd``."""
        return -nats_to_bits(self.decoder.log_likelihood(x_start, step.gaussian))

    def kl_by_value(self, step: ReverseStep, x_start: Images, x_t: Images, t: Place) -> Images:
        """Share of every value in the term of the bound at steps ``t`` above 0, in bits; their mean is ``vb_bpd``."""
        return nats_to_bits(self._kl(step, x_start, x_t, self.transition(t, x_t)))

    def _kl(self, step: ReverseStep, x_start: Images, x_t: Images, at: Transition) -> Tensor:
        """KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) of every value, in nats."""
        return self.q_posterior(x_start, x_t, at).kl(step.gaussian)

    def _vb_terms_bpd(
        self,
        model: Network,
        x_start: Images,
        x_t: Images,
        t: Place,
        *,
        clip_denoised: bool = True,
        model_kwargs: ModelKwargs | None = None,
    ) -> VbTerms:
        """Bound term of a network at x_t, in bits/dim, and the x_0 it predicted."""
        step = self.p_mean_variance(model, x_t, t, clip_denoised=clip_denoised, model_kwargs=model_kwargs)
        return VbTerms(self.vb_bpd(step, x_start, x_t, t), step.pred_xstart)

    def prior_bpd(self, x_start: Images) -> PerSample:
        """KL(q(x_T | x_0) || p(x_T)) in bits/dim [b] (Ho et al. 2020, eq. 5, term L_T).

        p(x_T) is what sampling starts from: N(0, I) on a chain, N(0, sigma_T^2 I) on other paths. It has no trainable
        part; a large value means that the path stops before x_T is noise.
        """
        return nats_to_bits(mean_flat(self._prior(x_start)))

    def prior_by_value(self, x_start: Images) -> Images:
        """Share of every value in that, in bits; their mean is ``prior_bpd``."""
        return nats_to_bits(self._prior(x_start))

    def _prior(self, x_start: Images) -> Tensor:
        """KL(q(x_T | x_0) || p(x_T)) of every value, in nats."""
        last, one = self.q_mean_variance(x_start, self.num_timesteps - 1), torch.ones_like(x_start[:1])
        start = self.grid.path.start(self.grid.level(self.num_timesteps - 1, one), one)
        return normal_kl(last.mean, last.log_variance, 0.0, 2.0 * torch.log(start))

    def training_losses(
        self,
        model: Network,
        x_start: Images,
        t: Place,
        *,
        noise: Tensor | None = None,
        model_kwargs: ModelKwargs | None = None,
    ) -> LossTerms:
        """Losses of a batch, per sample.

        With a learned variance and a regression objective the bound term is computed on an output whose
        prediction is frozen, so that it trains the variance alone (Nichol & Dhariwal 2021, section 3.1).
        x_0 is never clipped here.

        Args:
            model: the network.
            x_start: clean data in [-1, 1].
            t: step or steps.
            noise: standard normal, of x_start's shape; drawn from torch's default generator if None.
            model_kwargs: conditioning.
        """
        noise = noise_like(x_start, noise)
        at = t if isinstance(t, Level) else self.transition(t, x_start)
        level = at if isinstance(at, Level) else at.up
        x_t = level.diffuse(x_start, noise)
        output = self.predict(model, x_t, level, model_kwargs)
        if not self.objective.regression:
            vb = self._weighted_vb(output, x_start, x_t, at)
            return LossTerms(loss=vb, mse=None, vb=vb)
        target = self.prediction.target(x_start, x_t, noise, level)
        mse = mean_flat((target - output.prediction) ** 2)
        weighted = self.objective.weigh(mse, level)
        if output.variance is None:
            return LossTerms(loss=weighted, mse=mse, vb=None)
        vb = self._weighted_vb(output.freeze_mean(), x_start, x_t, at)
        return LossTerms(loss=weighted + vb, mse=mse, vb=vb)

    def _weighted_vb(self, output: NetworkOutput, x_start: Images, x_t: Images, t: Level | Transition) -> PerSample:
        """Bound term of a network's output, as often as the objective counts it."""
        at = self.transition(t, x_start)
        step = self.interpret(output, x_t, at, clip_denoised=False)
        return self.objective.vb_weight(self.num_timesteps) * self.vb_bpd(step, x_start, x_t, at)
