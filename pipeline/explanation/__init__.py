"""What predictions rest on: of an attribute as a whole (`carriers`), and of one customer (`reasons`).

Both start from the contributions of the estimators, which add up to the score: coefficient x weight of linear models,
TreeSHAP of trees (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9), and the weighed sum of these in a blend.
TreeSHAP comes from LightGBM itself (`pred_contrib`). The library `shap` calls the very same function for LightGBM's
trees; it would bring Numba and LLVM with it, and no other number.
"""
